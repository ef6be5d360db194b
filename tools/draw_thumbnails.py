"""Draw the front page's small pictures, one for each chapter, into nbs/images/.

Usage: python tools/draw_thumbnails.py
"""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from sklearn.metrics import confusion_matrix  # noqa: E402

from mnist_nb.baseline import TemplateClassifier, as_vectors, mean_images  # noqa: E402
from mnist_nb.breaking_it import DISTORTIONS  # noqa: E402
from mnist_nb.cnn import layer_table, load_cnn  # noqa: E402
from mnist_nb.data import load_mnist, select_digits  # noqa: E402
from mnist_nb.results import load_results  # noqa: E402
from mnist_nb.speed import load_benchmark  # noqa: E402
from mnist_nb.your_digit import fake_photo, prepare_digit  # noqa: E402

FOLDER = Path(__file__).parent.parent / "nbs" / "images"
SIZE, DPI = (2.0, 1.2), 160  # inches, dots an inch


def canvas():
    "A figure of the common size without axes"
    fig, ax = plt.subplots(figsize=SIZE)
    fig.subplots_adjust(0, 0, 1, 1)
    ax.axis("off")
    return fig, ax


def mosaic(images, ncols, gap=2, fill=0.0):
    "Images [n, h, w] side by side in one array, `gap` pixels apart"
    padded = np.pad(images, ((0, 0), (0, gap), (0, gap)), constant_values=fill)
    n, h, w = padded.shape
    return padded.reshape(n // ncols, ncols, h, w).swapaxes(1, 2).reshape(n // ncols * h, ncols * w)[:-gap, :-gap]


def draw_data(ax, images, labels):
    ax.imshow(mosaic(images[:15], 5), cmap="gray")


def draw_exploration(ax, images, labels):
    values = select_digits(images, labels, (7,))[0][0][6:18, 5:25]
    ax.imshow(values, cmap="Greys", alpha=0.6, aspect="auto")
    for (r, c), v in np.ndenumerate(values):
        ax.text(c, r, v, ha="center", va="center", fontsize=3.2, color="black")


def draw_baseline(ax, images, labels):
    ax.imshow(mosaic(mean_images(images, labels, (3, 7)), 2), cmap="gray")


def draw_cnn(ax, images, labels):
    shapes = [(1, 28, 28), *[s for s in layer_table(load_cnn())["output shape"] if len(s) == 3]]
    left = 0
    blocks = [(shape, "#35608d") for shape in shapes[3::3]] + [((128, 1, 1), "#c46a1a"), ((10, 1, 1), "#c46a1a")]
    for (depth, height, _), colour in [(shapes[0], "0.55"), *blocks]:
        width, tall = 4 + depth / 12, 10 + height * 2
        ax.add_patch(plt.Rectangle((left, -tall / 2), width, tall, color=colour))
        left += width + 6
    ax.set(xlim=(-6, left), ylim=(-42, 42))


def draw_evaluation(ax, images, labels):
    test_images, test_labels = load_mnist("test")
    predictions = TemplateClassifier().fit(as_vectors(images), labels).predict(as_vectors(test_images))
    ax.imshow(np.log1p(confusion_matrix(test_labels, predictions)), cmap="Blues", aspect="auto")


def draw_feature_maps(ax, images, labels):
    filters = load_cnn().conv1.weight.detach().numpy()[:, 0]
    limit = abs(filters).max()
    spread = mosaic(np.kron(filters, np.ones((4, 4))), 8, fill=np.nan)
    ax.imshow(spread, cmap="RdBu_r", vmin=-limit, vmax=limit)


def draw_speed(ax, images, labels):
    for name, r in load_benchmark()["race"].items():
        colour = "#c46a1a" if name.startswith("ours") else "#35608d"
        ax.plot(r["seconds"], 100 * np.array(r["correct"]) / r["images"], "o", color=colour, ms=5)
    ax.set(xscale="log", ylim=(98.6, 99.7), xlim=(1.5, 500))


def draw_breaking_it(ax, images, labels):
    four = select_digits(images, labels, (4,))[0][2:3]
    levels = dict(shift=[4], turn=[30, 60], zoom=[0.5, 1.6], stroke=[-1, 3], noise=[80, 120], blur=[1, 2])
    levels |= dict(invert=[0.2, 1], occlude=[8, 10])
    ax.imshow(mosaic(np.concatenate([DISTORTIONS[n][0](four, v) for n in levels for v in levels[n]]), 5), cmap="gray")


def draw_your_digit(ax, images, labels):
    two = select_digits(images, labels, (2,))[0][1]
    photo = prepare_digit(fake_photo(two, np.random.default_rng(9), side=336))
    after = np.kron(photo.image, np.ones((12, 12)))
    ax.imshow(np.hstack([photo.sheet, np.full((336, 24), 255), after]), cmap="gray", vmin=0, vmax=255)


def draw_results(ax, images, labels):
    methods = sorted(load_results()["methods"].values(), key=lambda m: m["accuracy"])
    for row, m in enumerate(methods):
        low, high = (100 * (1 - x) for x in m["interval"][::-1])
        colour = "#c46a1a" if "CNN" in m["title"] or "vote" in m["title"] else "#35608d"
        ax.plot([low, high], [-row, -row], color=colour, lw=2)
        ax.plot(100 * (1 - m["accuracy"]), -row, "o", color=colour, ms=5)
    ax.set(xscale="log", xlim=(0.2, 60), ylim=(-len(methods), 1))


DRAW = {
    "00_data": draw_data,
    "01_exploration": draw_exploration,
    "02_baseline": draw_baseline,
    "03_cnn": draw_cnn,
    "04_evaluation": draw_evaluation,
    "05_feature_maps": draw_feature_maps,
    "06_speed": draw_speed,
    "07_breaking_it": draw_breaking_it,
    "08_your_digit": draw_your_digit,
    "09_results": draw_results,
}


def main():
    "Draw them all."
    images, labels = load_mnist()
    FOLDER.mkdir(exist_ok=True)
    for name, draw in DRAW.items():
        fig, ax = canvas()
        draw(ax, images, labels)
        fig.savefig(
            FOLDER / f"{name}.png",
            dpi=DPI,
            facecolor="black" if draw in (draw_data, draw_baseline, draw_breaking_it) else "white",
        )
        plt.close(fig)


if __name__ == "__main__":
    main()
