"The tasks: each check with a right answer, its foreseen mistakes and junk; how the list is ticked, in Chromium."

import ast
import inspect
import io
import re
from copy import deepcopy
from functools import cache, partial

import numpy as np
import pytest
from PIL import Image
from torch import nn
from torch.nn import functional as F

from mnist_nb.baseline import as_vectors, mean_images
from mnist_nb.breaking_it import pixel_gradient, shift
from mnist_nb.cnn import MEAN, STD, load_cnn
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.feature_maps import occlusion_map, record_activations
from mnist_nb.learning import fit
from mnist_nb.results import load_or_run
from mnist_nb.tasks import _TASKS, check, tasks
from mnist_nb.your_digit import centre_mass, fit_box, prepare_digit, simulate_photo
from run import NBS, read
from test_pages import address, axe_problems, opened, options_for, site, start_figures  # noqa: F401  fixtures

IMAGES, LABELS = load_mnist()
MEANS = mean_images(IMAGES, LABELS).reshape(10, 784)
SEVENS = np.flatnonzero(LABELS == 7)
INK = IMAGES[SEVENS].sum((1, 2))
BOUNDARY = ((MEANS[9] ** 2).sum() - (MEANS[4] ** 2).sum()) / 2
LARGE = np.array([[0.85, 0.867, 0.873], [0.855, 0.882, 0.89], [0.82, 0.873, 0.9]])


def centre(image):
    return np.array([(image.sum(axis) * np.arange(28)).sum() / image.sum() for axis in (1, 0)])


def medians(images, labels):
    return np.stack([np.median(images[labels == d], axis=0) / 255 for d in range(10)])


def patient(copy=deepcopy, restore=True, reset=True, more=0):
    "The function of task 3.3, right as it stands"

    def answer(model, x, y, valid, patience):
        best, weights, waited, epoch = np.inf, None, 0, 0
        while waited < patience + more and epoch < 300:
            loss = fit(model, x, y, batch_size=50, seed=epoch, valid=valid)["valid_loss"].iloc[0]
            waited, epoch = (0 if loss < best and reset else waited + 1), epoch + 1
            if loss < best:
                best, weights = loss, copy(model.state_dict())
        if restore:
            model.load_state_dict(weights)

    return answer


def narrow(*filters, hidden=128, bias=True, fed=0):
    "The network of task 4.2 with so many filters; `fed` more numbers than there are enter its hidden layer"
    layers = []
    for a, b in zip((1, *filters), filters, strict=False):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=bias), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.ConstantPad1d((0, fed), 0), nn.Linear(9 * filters[-1] + fed, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, 10))


def laid(image, kernel, padding, stride):
    return F.conv2d(image[None, None], kernel[None, None], padding=padding, stride=stride)[0, 0]


def refuse(labels, probs, limit, strict=False, counted=lambda kept, correct: ((~kept).sum(), correct[kept].mean())):
    sure = probs.max(1)
    return counted(sure > limit if strict else sure >= limit, probs.argmax(1) == labels)


RIGHT = {
    "1.1": (0, 3, 1, 2),
    "1.2": SEVENS[INK.argmax()],
    "1.3": centre,
    "1.4": 1033,
    "1.5": 0.71,
    "2.1": (0.3125, 0.375),
    "2.2": (MEANS[9] - MEANS[4], BOUNDARY),
    "2.3": medians,
    "2.4": 0.7372,
    "2.5": 0.8041,
    "3.1": (0.134, 0.269),
    "3.2": (False, False, False, True),
    "3.3": patient(),
    "3.4": LARGE,
    "4.1": (24, 2),
    "4.2": narrow(8, 16, 32),
    "4.3": laid,
    "4.4": 0.9908,
    "4.5": (0.95, 0.84),
    "5.1": 57_000,
    "5.2": refuse,
    "5.3": (1662, 144),
    "5.4": 4.0,
    "11.1": (60 / (6 + 54 / 8), 10),
    "11.2": lambda rows, sizes: np.array(sizes) @ rows / sum(sizes),
    "11.3": lambda n, numbers: 2 * (n - 1) * numbers / n,
    "11.4": 0.9908,
}
MISTAKES = [  # task, a word that must be said, answer
    ("1.1", "way back", (0, 2, 3, 1)),
    ("1.1", "on its side", (0, 3, 2, 1)),
    ("1.1", "single picture", (2, 0, 1)),
    ("1.1", "batch first", (3, 0, 1, 2)),
    ("1.1", "once", (0, 0, 1, 2)),
    ("1.2", "place among", INK.argmax()),
    ("1.2", "least ink", SEVENS[INK.argmin()]),
    ("1.2", "another digit", IMAGES.sum((1, 2)).argmax()),
    ("1.3", "changed places", lambda image: centre(image)[::-1]),
    ("1.3", "counts alike", lambda image: centre(image > 0)),
    ("1.3", "middle of the box", lambda image: np.add(*(f(np.argwhere(image), 0) for f in (np.min, np.max))) / 2),
    ("1.3", "from 1", lambda image: centre(image) + 1),
    ("1.3", "from pixel 14", lambda image: centre(image) - 14),
    ("1.4", "quarters", 2082),
    ("1.4", "no grey", 23),
    ("1.4", "at least one", 60_000),
    ("1.4", "Without 0", 0),
    ("1.5", "students'", 0.805),
    ("1.5", "other way round", 1 / 0.71),
    ("1.5", "uint8", 0.96),
    ("2.1", "sums", (1.25, 1.5)),
    ("2.1", "MSE first", (0.375, 0.3125)),
    ("2.1", "do not differ", (0.625, 0.75)),
    ("2.1", "root", (0.3125**0.5, 0.375)),
    ("2.1", "cancel", (0.3125, 0.125)),
    ("2.1", "below zero", (0.3125, -0.125)),
    ("2.2", "large for a four", (MEANS[4] - MEANS[9], -BOUNDARY)),
    ("2.2", "not the difference", (MEANS[9], BOUNDARY)),
    ("2.2", "are zero", (np.zeros(784), BOUNDARY)),
    ("2.2", "advantage", (MEANS[9] - MEANS[4], 0)),
    ("2.2", "twice", (2 * (MEANS[9] - MEANS[4]), 4 * BOUNDARY)),
    ("2.2", "sign", (MEANS[9] - MEANS[4], -BOUNDARY)),
    ("2.2", "is a mean", (MEANS[9] - MEANS[4], BOUNDARY / 784)),
    ("2.3", "means", lambda images, labels: mean_images(images, labels)),
    ("2.3", "255", lambda images, labels: 255 * medians(images, labels)),
    ("2.3", "same one", lambda images, labels: np.stack([np.median(images, axis=0) / 255] * 10)),
    ("2.4", "means with L1", 0.6496),
    ("2.4", "means with MSE", 0.8085),
    ("2.4", "medians with MSE", 0.7611),
    ("2.4", "have seen", 0.7387),
    ("2.4", "test images", 0.7537),
    ("2.4", "per cent", 73.72),
    ("2.5", "per cent", 80.41),
    ("2.5", "made of", 0.8093),
    ("2.5", "accuracy of L1", 0.6511),
    ("3.1", "other way round", (0.269, 0.134)),
    ("3.1", "old first weight", (0.3655, -0.7311)),
    ("3.1", "not p", (-0.366, -0.731)),
    ("3.1", "signs", (-0.134, -0.269)),
    ("3.1", "pixel", (0.269, 0.269)),
    ("3.1", "second weight, too", (-0.134, 0.269)),
    ("3.2", "does move", (0, 0, 0, 0)),
    ("3.2", "put out", (0, 0, 1, 1)),
    ("3.2", "slope of a bias", (0, 1, 0, 1)),
    ("3.2", "other way round", (1, 1, 1, 0)),
    ("3.2", "zeros", (1, 1, 1, 1)),
    ("3.3", "unless you copy", patient(copy=lambda weights: weights)),
    ("3.3", "best weights", patient(restore=False)),
    ("3.3", "gave up", patient(more=-1)),
    ("3.3", "to zero again", patient(reset=False)),
    ("3.3", "went on for", patient(more=1)),
    ("3.3", "held-out images", lambda model, x, y, valid, patience: fit(model, x, y)),
    ("3.4", "transpose", LARGE.T),
    ("3.4", "150 steps", LARGE + 0.05),
    ("3.4", "no shares", 100 * LARGE),
    ("3.4", "losses", 4 * (1 - LARGE)),
    ("4.1", "3×3", (26, 1)),
    ("4.1", "last place", (23, 2)),
    ("4.1", "on the border", (28, 2)),
    ("4.1", "one side", (24, 4)),
    ("4.2", "Nothing is halved", narrow(16, 32, 64)),
    ("4.2", "Each of the three", narrow(16, 32, 32)),
    ("4.2", "hidden layer is halved", narrow(8, 16, 32, hidden=64)),
    ("4.2", "biases", narrow(8, 16, 32, bias=False)),
    ("4.2", "576", narrow(8, 16, 32, fed=288)),
    ("4.3", "turned", lambda image, kernel, *how: laid(image, kernel.flip(0, 1), *how)),
    ("4.3", "rows and columns of your filter", lambda image, kernel, *how: laid(image, kernel.T, *how)),
    ("4.3", "one pixel at a time", lambda image, kernel, padding, stride: laid(image, kernel, padding, 1)),
    ("4.3", "padded", lambda image, kernel, padding, stride: laid(image, kernel, 1, stride)),
    ("4.3", "columns have changed", lambda image, *how: laid(image, *how).T),
    ("4.4", "number of images", 9_919),
    ("4.4", "per cent", 99.19),
    ("4.4", "share of mistakes", 0.0081),
    ("4.4", "shipped", 0.9965),
    ("4.4", "a guess", 0.1),
    ("4.4", "is below", 0.975),
    ("4.4", "is above", 0.9982),
    ("4.5", "per cent", (95, 84)),
    ("4.5", "then shuffled", (0.84, 0.95)),
    ("4.5", "in the same way", (0.95, 0.09)),
    ("4.5", "lost nothing", (0.951, 0.949)),
    ("4.5", "one epoch", (0.8, 0.7)),
    ("4.5", "Shuffled, we", (0.95, 0.5)),
    ("5.1", "independent", 38_000),
    ("5.1", "whole", 4 * 57_000),
    ("5.1", "wrong way round", 25_400),
    ("5.1", "1 point to each", 685),
    ("5.2", "exactly at the limit", lambda *given: refuse(*given, strict=True)),
    ("5.2", "in place of the refused", lambda *given: (400 - refuse(*given)[0], refuse(*given)[1])),
    (
        "5.2",
        "accuracy of the refused",
        lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), ok[~kept].mean())),
    ),
    (
        "5.2",
        "leave them out",
        lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), (ok & kept).mean())),
    ),
    ("5.2", "all answers", lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), ok.mean()))),
    ("5.2", "not their share", lambda *given: (refuse(*given)[0] / 400, refuse(*given)[1])),
    ("5.3", "other way round", (144, 1662)),
    ("5.3", "each has right", (8203, 6685)),
    ("5.3", "each has wrong", (1797, 3315)),
    ("5.3", "agree", (6541, 1653)),
    ("5.3", "threes and sevens", (42, 12)),
    ("5.4", "its square", 2.0),
    ("5.4", "wrong way round", 0.25),
    ("5.4", "mixed", 1.0),
    ("11.1", "other order", (10, 60 / (6 + 54 / 8))),
    ("11.1", "all 60 seconds could be divided", (8, 10)),
    ("11.1", "missing in the time", (60 / (54 / 8), 10)),
    ("11.1", "the six are part", (60 / (6 + 54 / 8), 9)),
    ("11.1", "These are seconds", (6 + 54 / 8, 6)),
    ("11.2", "plain mean", lambda rows, sizes: rows.mean(0)),
    ("11.2", "sum of the rows", lambda rows, sizes: rows.sum(0)),
    ("11.2", "not yet divided", lambda rows, sizes: sizes @ rows),
    ("11.2", "not of parts", lambda rows, sizes: sizes @ rows / len(sizes)),
    ("11.3", "must go round, too", lambda n, numbers: (n - 1) * numbers / n),
    ("11.3", "all of them send together", lambda n, numbers: 2 * (n - 1) * numbers),
    ("11.3", "not 2n turns", lambda n, numbers: 2 * numbers),
    ("11.4", "number of images", 9_908),
    ("11.4", "per cent", 99.08),
    ("11.4", "share of mistakes", 0.0092),
    ("11.4", "a guess", 0.1),
    ("11.4", "is below", 0.98),
    ("11.4", "is above", 0.9965),
]


# ---------------------------------------------------------------- chapters 6 to 10


class Later:
    "An answer that takes a moment, so that it is made when it is needed"

    def __init__(self, make, *args, **kwargs):
        self.make = lambda: make(*args, **kwargs)


def made(answer):
    return answer.make() if isinstance(answer, Later) else answer


def lead(source, part):
    "The function of task 6.2: activations of a layer, times what `part` makes of the weights of two digits"

    def answer(image, a, b):
        active = record_activations(shipped(), source, image[None])[source][0]
        return part(shipped().fc2.weight.detach(), a, b, active)

    return answer


@cache
def shipped():
    return load_cnn()


class Inverted(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = shipped()

    def forward(self, x):
        return self.model((1 - 2 * MEAN) / STD - x)


@cache
def covered(white=True, undone=True):
    five = HELD[HELD_LABELS == 5][0]
    network = Inverted() if undone else shipped()
    return occlusion_map(network, 255 - five if white else five, 5)


def smoothed(target, total=lambda each: each.mean()):
    "The function of task 7.3"
    return lambda scores, digits, share: total(-(target(F.one_hot(digits, 10), share) * scores.log_softmax(1)).sum(1))


def share_out(one, share):
    return (1 - share) * one + share / 10


def aimed(down=True, limit=48, as_given=lambda x: x):
    "The pictures of task 8.3"
    was, x = SOME[:200].astype(int), SOME[:200].astype(int)
    labels = np.full(200, 3) if down else SOME_LABELS[:200]
    for _ in range(10):
        slope = np.sign(pixel_gradient(shipped(), x.astype(np.uint8), labels)).astype(int)
        x = np.clip(x - 8 * slope if down else x + 8 * slope, was - limit, was + limit).clip(0, 255)
    return as_given(x)


def clean(scan, ink=lambda scan: 1 - scan / 255, cut=True, fit=fit_box, place=centre_mass):
    "The function of task 9.2"
    ink = ink(scan)
    return place(fit(ink[np.ix_(ink.any(1), ink.any(0))] if cut else ink))


def squeezed(box):
    return np.asarray(Image.fromarray(box.astype(np.float32)).resize((20, 20)))


def in_the_middle(fitted):
    return 255 * np.pad(fitted, [((28 - n) // 2, (29 - n) // 2) for n in fitted.shape])


@cache
def photographed(n):
    rng = np.random.default_rng(42)
    return [np.asarray(Image.open(io.BytesIO(simulate_photo(image, rng)))) for image in HELD[:n]]


def shaded(n, width=200):
    "The images of task 9.4, the first `n` of them from photos with a shadow"
    photos = [np.where(np.arange(photo.shape[1]) < width, photo // 2, photo) for photo in photographed(n)]
    return [*(prepare_digit(photo).image for photo in photos), *HELD[n:50]]


HELD, HELD_LABELS = (a[holdout_split()[1]] for a in (IMAGES, LABELS))
SOME, SOME_LABELS = load_mnist("test")
FOURS = as_vectors(SOME[SOME_LABELS == 4])
LEAD = BOUNDARY - FOURS @ (MEANS[9] - MEANS[4])
DISTANCE = np.median(LEAD)
BACK = shift(shift(SOME[::20], 4, "right"), 4, "left")
# Accuracies without each filter of conv1, and with those before it off as well
OFF = [1, 0.994, 0.996, 0.998, 0.998, 0.994, 0.995, 0.999, 0.998, 1, 0.991, 1, 0.999, 1, 0.992, 1]
ALL_OFF = [1, 0.981, 0.966, 0.932, 0.981, 0.977, 0.92, 0.904, 0.63, 0.462, 0.398, 0.471, 0.161, 0.28, 0.115, 0.094]
FAST = [(run["held_out"] / 10_000, run["correct"] / 10_000, run) for run in load_or_run("cnn_fast")]
FAST_HELD, FAST_TEST = (np.array([row[i] for row in FAST]) for i in (0, 1))
HALF = [0.984, 0.983, 0.9845]
BLURRED = np.array([[0.978, 0.248], [0.994, 0.42], [0.996, 0.914], [0.962, 0.902]])
ONE_STEP = np.array([[0.978, 0.788], [0.994, 0.852], [0.996, 0.93], [0.962, 0.922]])
VOTES = np.array([list(run["answers"]) for run in load_or_run("cnn_accurate")], int) == SOME_LABELS
BEST, BEST_TEST = FAST_HELD.argmax(), FAST_TEST.argmax()
GAIN = 100 * (FAST_HELD[BEST] - FAST_HELD.mean()), 100 * (FAST_TEST[BEST] - FAST_TEST.mean())
ONE_MORE = dict(FAST[3][2], seed=99)
FOREST = dict(correct=[9480, 9503, 9491], images=10_000, seeds=[0, 1, 2])

RIGHT |= {
    "6.1": 38,
    "6.2": lead("relu4", lambda w, a, b, active: (w[a] - w[b]) * active),
    "6.3": Later(covered),
    "6.4": OFF,
    "7.1": 0.01897,
    "7.2": [[1, -3], [0, 0]],
    "7.3": smoothed(share_out),
    "7.4": [HALF, FAST_HELD[:3]],
    "8.1": 0.828,
    "8.2": 255 * DISTANCE / abs(MEANS[9] - MEANS[4]).sum(),
    "8.3": Later(aimed),
    "8.4": [*"ABCDFHIMOPQRSTUWYZ"],
    "8.5": BLURRED,
    "9.1": 7,
    "9.2": clean,
    "9.3": 0.9117,
    "9.4": Later(shaded, 10),
    "10.1": 40_000,
    "10.2": 9973,
    "10.3": GAIN,
    "10.4": ONE_MORE,
    "10.5": FOREST,
}
MISTAKES += [
    ("6.1", "one pixel apart", 24),
    ("6.1", "before the last pooling", 30),
    ("6.1", "has a window", 34),
    ("6.1", "two steps", 46),
    ("6.1", "padding", 28),
    ("6.2", "sign", lead("relu4", lambda w, a, b, active: (w[b] - w[a]) * active)),
    ("6.2", "the sum", lead("relu4", lambda w, a, b, active: ((w[a] - w[b]) * active).sum())),
    ("6.2", "weights alone", lead("relu4", lambda w, a, b, active: w[a] - w[b])),
    ("6.2", "before ReLU", lead("fc1", lambda w, a, b, active: (w[a] - w[b]) * active)),
    ("6.2", "for the second", lead("relu4", lambda w, a, b, active: w[a] * active)),
    (
        "6.2",
        "bias",
        lead("relu4", lambda w, a, b, active: (w[a] - w[b]) * active - shipped().fc2.bias.detach()[[a, b]].diff()),
    ),
    ("6.3", "sign", Later(lambda: -covered())),
    ("6.3", "black squares", Later(covered, white=False, undone=False)),
    ("6.3", "shown the negative", Later(covered, undone=False)),
    ("6.3", "divide", Later(lambda: 20 * covered())),
    ("6.4", "still off", ALL_OFF),
    ("6.4", "per cent", 100 * np.array(OFF)),
    ("6.4", "errors", 1 - np.array(OFF)),
    ("6.4", "first 1,000", [0.5, *OFF[1:]]),
    ("7.1", "per cent", 1.897),
    ("7.1", "forward pass alone", 0.05585),
    ("7.1", "passes nothing on to", 0.03724),
    ("7.1", "the whole", 0.01862),
    ("7.1", "24×24", 0.01923),
    ("7.2", "Nothing is cut", [[1, 2], [0, 4]]),
    ("7.2", "Everything is cut", [[-1, -2], [0, -4]]),
    ("7.3", "plain loss", lambda scores, digits, share: F.cross_entropy(scores, digits)),
    ("7.3", "sum over", smoothed(share_out, lambda each: each.sum())),
    ("7.3", "400 numbers", smoothed(share_out, lambda each: each.mean() / 10)),
    ("7.3", "sign", smoothed(share_out, lambda each: -each.mean())),
    ("7.3", "all ten digits", smoothed(lambda one, share: (1 - share) * one + share / 9 * (1 - one))),
    ("7.3", "add up to 1", smoothed(lambda one, share: one + share / 10)),
    ("7.4", "per cent", 100 * np.array([HALF, FAST_HELD[:3]])),
    ("7.4", "errors", 1 - np.array([HALF, FAST_HELD[:3]])),
    ("7.4", "first row", [FAST_HELD[:3], HALF]),
    ("7.4", "a seed of its own", [[HALF[0]] * 3, [FAST_HELD[0]] * 3]),
    ("7.4", "test images", [HALF, FAST_TEST[:3]]),
    ("7.4", "Is `seen`", [FAST_HELD[3:6] - 0.0005, FAST_HELD[:3]]),
    ("7.4", "yours do not", [HALF, HALF]),
    ("8.1", "what had left", 1),
    ("8.1", "per cent", 82.8),
    ("8.1", "changed", 0.172),
    ("8.1", "counts pixels", (BACK == SOME[::20]).mean()),
    ("8.1", "the ink", BACK.sum() / SOME[::20].sum()),
    ("8.2", "How many levels", DISTANCE / abs(MEANS[9] - MEANS[4]).sum()),
    ("8.2", "distance", 255 * DISTANCE / ((MEANS[9] - MEANS[4]) ** 2).sum() ** 0.5),
    ("8.2", "without their signs", 255 * DISTANCE / abs((MEANS[9] - MEANS[4]).sum())),
    ("8.2", "Twice", 510 * DISTANCE / abs(MEANS[9] - MEANS[4]).sum()),
    ("8.2", "above 0", -RIGHT["8.2"]),
    ("8.2", "is the mean", 255 * LEAD.mean() / abs(MEANS[9] - MEANS[4]).sum()),
    ("8.3", "as they were", SOME[:200]),
    ("8.3", "not up", Later(aimed, down=False)),
    ("8.3", "changed by 80", Later(aimed, limit=255)),
    ("8.3", "wraps", Later(aimed, as_given=lambda x: (x + 100) % 256)),
    ("8.3", "whole numbers", SOME[:200] / 255),
    ("8.4", "at least one", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("8.4", "every font", "ADOPRSUWZ"),
    ("8.4", "of twelve", "ABDHIMNOPRSTUWYZ"),
    ("8.4", "the others", "EGJKLNVX"),
    ("8.5", "one step", ONE_STEP),
    ("8.5", "columns", BLURRED[:, ::-1]),
    ("8.5", "per cent", 100 * BLURRED),
    ("8.5", "changes nothing", BLURRED[[0] * 4]),
    ("8.5", "noise of 32", BLURRED - 0.1),
    ("8.5", "ten steps of 32", [[0.978, 0.45]] * 4),
    ("8.5", "after the attack", BLURRED[[0, 3, 2, 1]]),
    ("9.1", "middle of the box", 4),
    ("9.1", "13.5", 6),
    ("9.1", "whole pixels", 6.7),
    ("9.1", "Row 14", 14),
    ("9.2", "white ink", partial(clean, ink=lambda scan: scan / 255)),
    ("9.2", "Cut it out", partial(clean, cut=False)),
    ("9.2", "aspect", partial(clean, fit=squeezed)),
    ("9.2", "border", partial(clean, fit=partial(fit_box, side=28))),
    ("9.2", "centre of mass", partial(clean, place=in_the_middle)),
    ("9.2", "0 to 255", lambda scan: clean(scan) / 255),
    ("9.2", "is gone", lambda scan: np.zeros((28, 28))),
    ("9.2", "is the mean", partial(clean, place=lambda fitted: centre_mass(fitted > 0.5))),
    ("9.3", "per cent", 91.17),
    ("9.3", "errors", 0.0883),
    ("9.3", "centre of mass", 0.89),
    ("9.3", "fill the field", 0.705),
    ("9.3", "black on white", 0.035),
    ("9.4", "without a shadow", Later(shaded, 4, width=0)),
    ("9.4", "not prepared", np.full((50, 28, 28), 150)),
    ("9.4", "0 to 255", HELD[:50] / 255),
    ("9.4", "in their order", HELD[49::-1]),
    ("10.1", "root", 20_000),
    ("10.1", "not even one", 0.5),
    ("10.1", "wider", 5_000),
    ("10.1", "in all", 30_000),
    ("10.2", "share or per cent", 0.9973),
    ("10.2", "before they vote", VOTES.sum(1).mean()),
    ("10.2", "best of the five", VOTES.sum(1).max()),
    ("10.2", "Three votes", VOTES.all(0).sum()),
    ("10.2", "not most", VOTES.any(0).sum()),
    ("10.2", "mistakes", 27),
    ("10.3", "changed places", GAIN[::-1]),
    ("10.3", "shares", np.array(GAIN) / 100),
    (
        "10.3",
        "best on the test",
        [100 * (a[BEST_TEST] - a.mean()) for a in (FAST_HELD, FAST_TEST)],
    ),
    ("10.3", "two seeds", [100 * (a.max() - a.mean()) for a in (FAST_HELD, FAST_TEST)]),
    ("10.3", "above the mean", [100 * a[BEST] for a in (FAST_HELD, FAST_TEST)]),
    ("10.4", "one of the twenty", FAST[3][2]),
    ("10.4", "another recipe", load_or_run("cnn_one_epoch")[0]),
    ("10.4", "one run in a thousand", dict(ONE_MORE, answers="7" * 10_000)),
    ("10.5", "run three", dict(FOREST, correct=[9480], seeds=[0])),
    ("10.5", "random_state", dict(FOREST, correct=[9480] * 3)),
    ("10.5", "train on what", dict(FOREST, correct=[10_000, 9999, 9998])),
    ("10.5", "is low", dict(FOREST, correct=[8480, 8503, 8491])),
    ("10.5", "test images", dict(FOREST, images=50_000)),
]


# ---------------------------------------------------------------- what is tested


JUNK = {"none": None, "text": "junk", "nan": float("nan"), "empty": [], "dict": {}, "shape": np.zeros((2, 3, 4)),
        "raises": lambda *given: 1 / 0, "text_maker": lambda *given: "junk", "object": object(),
        "layer": nn.Linear(2, 2), "pair": (None, "junk"), "nans": np.full((3, 3), np.nan)}  # fmt: skip


@pytest.mark.parametrize("number", _TASKS)
def test_a_right_answer_passes(number):
    verdict = check(number, made(RIGHT[number]))
    assert verdict.passed and verdict.text.startswith("Right. "), verdict.text


@pytest.mark.parametrize("number, word, answer", MISTAKES, ids=[f"{n} {word}" for n, word, _ in MISTAKES])
def test_a_mistake_is_named(number, word, answer):
    verdict = check(number, made(answer))
    assert not verdict.passed and verdict.text.startswith("Not yet. ") and word in verdict.text, verdict.text


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_is_no_error_and_no_answer(junk):
    for number in _TASKS:
        verdict = check(number, junk)
        assert not verdict.passed and len(verdict.text) < 500, (number, verdict.text)


@pytest.mark.parametrize("path", sorted(NBS.glob("[01]*.ipynb")), ids=lambda path: path.stem)
def test_each_chapter_has_tasks_in_three_grades_with_mistakes_a_hint_and_a_solution(path):
    chapter = int(path.stem[:2])
    listed = [
        (number, grade, title) for number, (grade, title, _) in _TASKS.items() if int(number.split(".")[0]) == chapter
    ]
    assert [number for number, *_ in listed] == [f"{chapter}.{i}" for i in range(1, len(listed) + 1)]
    assert len(listed) >= 4 and {grade for _, grade, _ in listed} == {"warm-up", "code", "experiment"}
    cells = read(path).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert f"tasks({chapter})" in code and f"({chapter}, " in "".join(code)
    solutions = prose[prose.index('title="Solutions"') :]
    for number, grade, title in listed:
        assert sum(n == number for n, *_ in MISTAKES) >= 2, number
        assert f"**{number} {title}** ({grade})." in prose and f'title="Hint for {number}"' in prose, number
        assert re.search(rf"assert check\('{re.escape(number)}', .*\)\.passed", solutions), number


def sentences(judge):
    "What a check may say of a mistake that it foresees, with … for what is filled in"
    judge = ast.parse(inspect.getsource(judge)).body[0]
    other, filled = [judge.decorator_list[0], judge.body[0]], []  # the second: its docstring
    for node in ast.walk(judge):
        match node:
            case (
                ast.Return(ast.Tuple([ast.Constant(True), said]))
                | ast.Call(ast.Name("_judged"), [_, _, said, *_])
                | ast.Call(ast.Name("next") | ast.Attribute(attr="get"), [_, said])
                | ast.BoolOp(ast.Or(), [_, said])
            ):
                other.append(said)  # of a right answer, or of one that is not foreseen
            case ast.Return(ast.Tuple([_, ast.Constant() | ast.JoinedStr()])) if node is judge.body[-1]:
                other.append(node)
            case ast.JoinedStr():
                filled += node.values
    left_out = {id(node) for part in other + filled for node in ast.walk(part)}
    for node in ast.walk(judge):
        if id(node) not in left_out and isinstance(node, ast.Constant | ast.JoinedStr):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            said = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
            if " " in said and said[-1] in ".?":
                yield said


@pytest.mark.parametrize("number", _TASKS)
def test_no_foreseen_mistake_stays_untried(number):
    foreseen = set(sentences(_TASKS[number][-1]))
    named = [{said for said in foreseen if word in said} for n, word, _ in MISTAKES if n == number]
    untried = [said for said in foreseen if {said} not in named]  # a word in two sentences tells nothing of either
    assert len(foreseen) >= 2 and untried == []


def test_titles_differ_and_a_list_names_them():
    assert len({title for _, title, _ in _TASKS.values()}) == len(_TASKS)
    assert str(tasks(4)).splitlines()[0] == "4.1 Size of a map (warm-up)" and "<li>4.1 " in tasks(4).markup


@pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])
def test_a_task_is_ticked_and_counted_and_one_can_start_again(browser, address, how):  # noqa: F811
    options = options_for(how, color_scheme="dark")
    with opened(browser, f"{address}tasks.html", **options) as (page, problems):
        assert start_figures(page)
        box, count = page.get_by_role("checkbox").nth(1), page.locator(".mf-count").first
        if how == "keyboard":
            page.get_by_role("checkbox").first.focus()
            page.keyboard.press("Tab")
            page.keyboard.press(" ")
        else:
            getattr(page.locator("label", has_text="The thickest seven"), "tap" if how == "touch" else "click")()
        page.locator("output", has_text="Task 1.2 is done.").wait_for()
        assert box.is_checked() and "Exploration: 1 of 5 tasks done" in count.inner_text()
        problems += axe_problems(page, "with a task ticked") if how == "touch" else []
        page.goto(f"{address}questions.html")
        assert start_figures(page) and "0 right; 1 of 5 tasks done" in count.inner_text()
        page.get_by_role("button", name="Start all again").press("Enter")
        assert "0 of 5 tasks done" in count.inner_text()
        page.goto(f"{address}tasks.html")
        assert start_figures(page) and not box.is_checked()


def test_what_check_says_in_a_notebook_ticks_a_task_that_is_passed(browser, address):  # noqa: F811
    show = """async (data) => {
        const { default: { render } } = await import("./interactive/verdict.js"), el = document.createElement("div");
        document.querySelector("main").append(el);
        render({ model: { get: (name) => data[name] }, el });
    }"""
    with opened(browser, f"{address}tasks.html") as (page, _):
        assert start_figures(page)
        box = page.get_by_role("checkbox").first
        for answer in ((0, 2, 3, 1), (0, 3, 1, 2)):
            verdict = check("1.1", answer)
            page.evaluate(show, verdict.data)
            page.get_by_role("status").filter(has_text=verdict.text).wait_for()
            assert box.is_checked() == verdict.passed


def test_without_javascript_the_tasks_are_a_list(browser, address):  # noqa: F811
    with opened(browser, f"{address}tasks.html", java_script_enabled=False) as (page, _):
        assert page.locator("figure.interactive li").count() == len(_TASKS)
