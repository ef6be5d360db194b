"""Draw the front page's seven small pictures, one for each chapter, into nbs/images/.

Usage: python tools/draw_thumbnails.py
"""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from sklearn.metrics import confusion_matrix  # noqa: E402

from mnist_nb.baseline import TemplateClassifier, as_vectors, mean_images  # noqa: E402
from mnist_nb.cnn import layer_table, load_cnn  # noqa: E402
from mnist_nb.data import load_mnist, select_digits  # noqa: E402
from mnist_nb.speed import load_benchmark  # noqa: E402

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
    race = load_benchmark()["race"]
    for (_, r), colour in zip(race.items(), (*["#c46a1a"] * 3, *["#35608d"] * 3), strict=True):
        ax.plot(r["seconds"], 100 * np.array(r["correct"]) / r["images"], "o", color=colour, ms=5)
    ax.set(xscale="log", ylim=(98.6, 99.7), xlim=(1.5, 500))


DRAW = {
    "00_data": draw_data,
    "01_exploration": draw_exploration,
    "02_baseline": draw_baseline,
    "03_cnn": draw_cnn,
    "04_evaluation": draw_evaluation,
    "05_feature_maps": draw_feature_maps,
    "06_speed": draw_speed,
}


def main():
    "Draw all seven."
    images, labels = load_mnist()
    FOLDER.mkdir(exist_ok=True)
    for name, draw in DRAW.items():
        fig, ax = canvas()
        draw(ax, images, labels)
        fig.savefig(
            FOLDER / f"{name}.png", dpi=DPI, facecolor="black" if draw in (draw_data, draw_baseline) else "white"
        )
        plt.close(fig)


if __name__ == "__main__":
    main()
