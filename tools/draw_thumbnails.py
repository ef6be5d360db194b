"Draw the front page's small pictures, one for each chapter, into nbs/images/: python tools/draw_thumbnails.py"

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mnist_nb.baseline import TemplateClassifier, as_vectors, mean_images
from mnist_nb.breaking_it import DISTORTIONS
from mnist_nb.cnn import layer_table, load_cnn
from mnist_nb.data import load_mnist
from mnist_nb.evaluation import confusion_table
from mnist_nb.exploration import use_course_style
from mnist_nb.learning import fit, linear_from_templates
from mnist_nb.results import load_results
from mnist_nb.speed import load_benchmark
from mnist_nb.your_digit import prepare_digit, simulate_photo

FOLDER = Path(__file__).parent.parent / "nbs" / "images"
OURS, OTHERS = "C1", "C0"
IMAGES, LABELS = load_mnist()


def mosaic(images, ncols, gap=2, fill=0.0):
    "Images [n, h, w] side by side in one array, `gap` pixels apart"
    padded = np.pad(images, ((0, 0), (0, gap), (0, gap)), constant_values=fill)
    n, h, w = padded.shape
    return padded.reshape(n // ncols, ncols, h, w).swapaxes(1, 2).reshape(n // ncols * h, ncols * w)[:-gap, :-gap]


def exploration(ax):
    values = IMAGES[LABELS == 7][0, 6:18, 5:25]
    ax.imshow(values, cmap="Greys", vmax=430, aspect="auto")  # so light that the numbers can be read
    for (r, c), v in np.ndenumerate(values):
        ax.text(c, r, v, ha="center", va="center", fontsize=3.2, color="black")


def learning(ax):
    x, y = torch.from_numpy(as_vectors(IMAGES[:20_000])), torch.from_numpy(LABELS[:20_000].astype(np.int64))
    layer = linear_from_templates(mean_images(IMAGES, LABELS).reshape(10, -1))
    before = layer.weight.detach().numpy()[4].copy().reshape(28, 28)
    fit(layer, x, y, rate=0.3, epochs=5)
    after = layer.weight.detach().numpy()[4].reshape(28, 28)
    ax.imshow(np.hstack([before, np.full((28, 2), np.nan), after]), cmap="RdBu_r", vmin=-1, vmax=1)


def cnn(ax):
    shapes = [(1, 28, 28), *[s for s in layer_table(load_cnn())["output shape"] if len(s) == 3]]
    left = 0
    for i, (depth, height, _) in enumerate([shapes[0], *shapes[3::3], (128, 1, 1), (10, 1, 1)]):
        width, tall, colour = 4 + depth / 12, 10 + height * 2, "gray" if i == 0 else "C0" if height > 1 else "C1"
        ax.add_patch(Rectangle((left, -tall / 2), width, tall, color=colour))
        left += width + 6
    ax.set(xlim=(-6, left), ylim=(-42, 42))


def evaluation(ax):
    images, labels = load_mnist("test")
    answers = TemplateClassifier().fit(as_vectors(IMAGES), LABELS).predict(as_vectors(images))
    ax.imshow(np.log1p(confusion_table(labels, answers)), cmap="Blues", aspect="auto")


def feature_maps(ax):
    filters = load_cnn().conv1.weight.detach().numpy()[:, 0]
    limit = abs(filters).max()
    ax.imshow(mosaic(np.kron(filters, np.ones((4, 4))), 8, fill=np.nan), cmap="RdBu_r", vmin=-limit, vmax=limit)


def speed(ax):
    for name, r in load_benchmark()["race"].items():
        colour = OURS if name.startswith("ours") else OTHERS
        ax.plot(r["seconds"], 100 * np.array(r["correct"]) / r["images"], "o", color=colour, ms=5)
    ax.set(xscale="log", ylim=(98.7, 99.5), xlim=(1, 20))


def breaking_it(ax):
    levels = dict(shift=[4], rotate=[30, 60], scale=[0.5, 1.6], stroke_width=[-1, 3], noise=[80, 120], blur=[1, 2])
    levels |= dict(invert=[0.2, 1], occlude=[8, 10])
    four = IMAGES[LABELS == 4][2:3]
    ax.imshow(mosaic(np.concatenate([DISTORTIONS[n][0](four, v) for n in levels for v in levels[n]]), 5))


def your_digit(ax):
    photo = prepare_digit(simulate_photo(IMAGES[LABELS == 2][1], np.random.default_rng(9), side=336))
    ax.imshow(np.hstack([photo.sheet, np.full((336, 24), np.nan), np.kron(photo.image, np.ones((12, 12)))]))


def results(ax):
    for row, m in enumerate(sorted(load_results()["methods"].values(), key=lambda m: m["accuracy"])):
        errors = [100 * (1 - x) for x in sorted([*m["interval"], m["accuracy"]])]
        colour = OURS if "CNN" in m["title"] or "vote" in m["title"] else OTHERS
        ax.plot(errors, [-row] * 3, "o-", color=colour, lw=2, ms=5, markevery=[1])
    ax.set(xscale="log", xlim=(0.2, 60), ylim=(-23, 1))


def scaling(ax):
    for step, core in np.ndindex(6, 2):  # half of each step on either core, and then they agree
        ax.add_patch(Rectangle((0.7 * step, core), 0.47, 0.8, color=OTHERS))
        ax.add_patch(Rectangle((0.7 * step + 0.5, core), 0.17, 0.8, color=OURS))
    ax.set(xlim=(-0.2, 4.3), ylim=(-0.4, 2.2))


DRAW = {
    "01_exploration": exploration,
    "02_baseline": lambda ax: ax.imshow(mosaic(mean_images(IMAGES, LABELS, (3, 7)), 2)),
    **{"03_learning": learning, "04_cnn": cnn, "05_evaluation": evaluation, "06_feature_maps": feature_maps},
    **{"07_speed": speed, "08_breaking_it": breaking_it, "09_your_digit": your_digit, "10_results": results},
    "11_scaling": scaling,
}

if __name__ == "__main__":
    use_course_style()
    for name, draw in DRAW.items():
        fig = Figure(figsize=(2.0, 1.2), layout="none")
        ax = fig.add_axes((0, 0, 1, 1))
        ax.axis("off")
        draw(ax)
        fig.savefig(FOLDER / f"{name}.png", dpi=160)
