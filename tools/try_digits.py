"""How chapter 9 chose the width of the median: `prepare_digit` on held-out training images, five widths, four kinds.

python tools/try_digits.py [N]    N images of each kind (1,000)
"""

import io
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
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
}


def prepare(number, image, name, window):
    return prepare_digit(PICTURES[name](image, np.random.default_rng(number)), window).image


if __name__ == "__main__":
    held_out = holdout_split()[1][: int(sys.argv[1]) if sys.argv[1:] else 1000]
    images, labels = (values[held_out] for values in load_mnist("train"))
    for name in PICTURES:
        for window in (0.6, 0.7, 0.8, 0.9, 1.0):
            with ProcessPoolExecutor() as pool:
                run = partial(prepare, name=name, window=window)
                ready = np.stack([*pool.map(run, range(len(images)), images, chunksize=100)])
            correct = (predict_probs(load_cnn(), ready).argmax(1) == labels).sum()
            low, high = accuracy_interval(correct, len(labels))
            print(f"{name}, window {window}: {correct / len(labels):.2%} ({low:.2%} to {high:.2%})", flush=True)
