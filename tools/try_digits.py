"""Try the preparation of chapter 8 on more images than the chapter has time for.

python tools/try_digits.py            photos of all 10,000 test images, each beside its original, and 1,797 other digits
python tools/try_digits.py --choose   how the width of the median was chosen: on held-out training images only
"""

import argparse
import io
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.evaluation import paired_table, paired_test
from mnist_nb.your_digit import prepare_digit, simulate_photo


def shadow(image, rng):
    "A photo with the hard edge of a shadow across it, from above or from the left"
    grey = np.asarray(Image.open(io.BytesIO(simulate_photo(image, rng)))).copy()
    (grey if rng.integers(2) else grey.T)[: rng.integers(100, 300)] //= 2
    return grey


PICTURES = {
    "photo": simulate_photo,
    "shadow": shadow,
    "tight crop": lambda image, rng: image[np.ix_(image.any(1), image.any(0))],
    "8×8 pixels": lambda image, rng: Image.fromarray(image[4:24, 4:24]).resize((8, 8), Image.Resampling.BOX),
    "as it is": lambda image, rng: image,
}


def prepare(number, image, name, **options):
    prepared = prepare_digit(PICTURES[name](image, np.random.default_rng(number)), **options)
    return prepared.image, len(prepared.warnings)


def prepare_all(images, name, **options):
    "Prepare a picture of each image, on every core: uint8 [n, 28, 28], numbers of warnings [n]"
    with ProcessPoolExecutor() as pool:
        done = pool.map(partial(prepare, name=name, **options), range(len(images)), images, chunksize=100)
        ready, warned = zip(*done, strict=True)
    return np.stack(ready), np.array(warned)


def report(name, images, labels):
    "Print how many images [n, 28, 28] the network reads correctly, and return which"
    correct = predict_probs(load_cnn(), images).argmax(1) == labels
    low, high = accuracy_interval(correct.sum(), len(correct))
    print(f"{name:28} {correct.mean():.2%} of {len(correct):,} (95% interval {low:.2%} to {high:.2%})", flush=True)
    return correct


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true", help="compare widths of the median on held-out images")
    parser.add_argument("-n", type=int, help="use only so many images (all 10,000; with --choose 1,000)")
    options = parser.parse_args()
    chosen = holdout_split()[1][: options.n or 1000] if options.choose else slice(options.n)
    images, labels = (values[chosen] for values in load_mnist("train" if options.choose else "test"))
    before = report("originals", images, labels)
    if options.choose:
        for name in list(PICTURES)[:4]:
            for window in (0.6, 0.7, 0.8, 0.9, 1.0):
                report(f"{name}, window {window}", prepare_all(images, name, window=window)[0], labels)
    else:
        ready, warned = prepare_all(images, "photo")
        after = report("photos", ready, labels)
        print(f"difference {after.mean() - before.mean():+.2%}, McNemar p = {paired_test(before, after):.2g}")
        print(paired_table(before, after, ("original", "photo")))
        print(f"warned of {np.mean(warned > 0):.2%} of the photos")
        others = load_digits()
        small = (others.images * 255 / 16).round().astype(np.uint8)
        report("scikit-learn's 8×8 digits", prepare_all(small, "as it is")[0], others.target)
