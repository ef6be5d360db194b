"""Try the preparation of chapter 8 on more images than the chapter has time for.

python tools/try_digits.py            photos of all 10,000 test images, each beside its original, and 1,797 other digits
python tools/try_digits.py --choose   how the width of the median was chosen: on held-out training images only
"""

import argparse
import io
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from mnist_nb import your_digit
from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.evaluation import paired_table, paired_test


def photo(image, rng):
    "The photo of chapter 8"
    return your_digit.fake_photo(image, rng)


def shadow(image, rng):
    "The same with the hard edge of a shadow across it, on either side"
    grey = np.asarray(Image.open(io.BytesIO(photo(image, rng)))).copy()
    grey[:, : rng.integers(100, 300)] //= 2
    return grey if rng.integers(2) else grey.T


def tight(image, rng):
    "The image itself without its margin"
    return image[np.ix_(image.any(1), image.any(0))]


def tiny(image, rng):
    "MNIST's box of 20×20 pixels, in 8×8 of them"
    return np.asarray(Image.fromarray(image[4:24, 4:24]).resize((8, 8), Image.Resampling.BOX))


def prepare_some(window, numbered, picture):
    "Prepare some images, each seen as `picture` makes it: the 28×28 images and how many warnings each had"
    your_digit.WINDOW = window
    done = [your_digit.prepare_digit(picture(image, np.random.default_rng(i))) for i, image in numbered]
    return [(p.image, len(p.warnings)) for p in done]


def prepare_all(images, picture, window=your_digit.WINDOW):
    "The same for all `images`, on every core: uint8 [n, 28, 28] and the numbers of warnings [n]"
    numbered = list(enumerate(images))
    parts = [numbered[i : i + 100] for i in range(0, len(numbered), 100)]
    with ProcessPoolExecutor() as pool:
        done = chain.from_iterable(pool.map(partial(prepare_some, window, picture=picture), parts))
        ready, warned = zip(*done, strict=True)
    return np.stack(ready), np.array(warned)


def say(name, right):
    low, high = accuracy_interval(right.sum(), len(right))
    print(f"{name:28} {right.mean():.2%} of {len(right):,} (95% interval {low:.2%} to {high:.2%})", flush=True)


def read(images, labels):
    "Which of the images [n, 28, 28] the network reads right"
    return predict_probs(load_cnn(), images).argmax(1) == labels


def choose(n):
    images, labels = load_mnist("train")
    held = holdout_split(seed=42)[1][:n]
    say("held-out images themselves", read(images[held], labels[held]))
    for picture in (photo, shadow, tight, tiny):
        for window in (0.6, 0.7, 0.8, 0.9, 1.0):
            ready, _ = prepare_all(images[held], picture, window)
            say(f"{picture.__name__}, window {window}", read(ready, labels[held]))


def report(n):
    images, labels = (values[:n] for values in load_mnist("test"))
    start = time.monotonic()
    ready, warned = prepare_all(images, photo)
    before, after = read(images, labels), read(ready, labels)
    say("originals", before)
    say("photos", after)
    print(
        f"difference {100 * (after.mean() - before.mean()):+.2f} points, McNemar p = {paired_test(before, after):.2g}"
    )
    print(paired_table(before, after, ("original", "photo")))
    print(f"warned of {np.mean(warned > 0):.2%} of the photos; {time.monotonic() - start:.0f} s")
    digits = load_digits()
    small = (digits.images * 255 / 16).round().astype(np.uint8)
    say("scikit-learn's 8×8 digits", read(prepare_all(small, as_it_is)[0], digits.target))


def as_it_is(image, rng):
    "The image as it is"
    return image


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true", help="compare widths of the median on held-out images")
    parser.add_argument("-n", type=int, help="use only so many images (all 10,000; with --choose 1,000)")
    arguments = parser.parse_args()
    choose(arguments.n or 1000) if arguments.choose else report(arguments.n)
