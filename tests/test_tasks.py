"The tasks: each check with a right answer, its foreseen mistakes and junk; how the list is ticked, in Chromium."

import re
from copy import deepcopy

import numpy as np
import pytest
from torch import nn
from torch.nn import functional as F

from mnist_nb.baseline import mean_images
from mnist_nb.data import load_mnist
from mnist_nb.learning import fit
from mnist_nb.tasks import _TASKS, check, tasks
from run import NBS, read

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
    "4.4": 0.9919,
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
    ("1.2", "among the sevens", INK.argmax()),
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
    ("1.5", "students'", 0.805),
    ("1.5", "other way round", 1 / 0.71),
    ("1.5", "uint8", 0.96),
    ("2.1", "sums", (1.25, 1.5)),
    ("2.1", "MSE first", (0.375, 0.3125)),
    ("2.1", "root", (0.3125**0.5, 0.375)),
    ("2.1", "cancel", (0.3125, 0.125)),
    ("2.2", "large for a four", (MEANS[4] - MEANS[9], -BOUNDARY)),
    ("2.2", "not the difference", (MEANS[9], BOUNDARY)),
    ("2.2", "advantage", (MEANS[9] - MEANS[4], 0)),
    ("2.2", "twice", (2 * (MEANS[9] - MEANS[4]), 4 * BOUNDARY)),
    ("2.2", "sign", (MEANS[9] - MEANS[4], -BOUNDARY)),
    ("2.2", "is a mean", (MEANS[9] - MEANS[4], BOUNDARY / 784)),
    ("2.3", "means", lambda images, labels: mean_images(images, labels)),
    ("2.3", "255", lambda images, labels: 255 * medians(images, labels)),
    ("2.3", "same one", lambda images, labels: np.stack([np.median(images, axis=0) / 255] * 10)),
    ("2.4", "means with L1", 0.6496),
    ("2.4", "medians with MSE", 0.7611),
    ("2.4", "have seen", 0.7387),
    ("2.4", "test images", 0.7537),
    ("2.4", "per cent", 73.72),
    ("2.5", "per cent", 80.41),
    ("2.5", "made of", 0.8093),
    ("3.1", "other way round", (0.269, 0.134)),
    ("3.1", "old first weight", (0.3655, -0.7311)),
    ("3.1", "not p", (-0.366, -0.731)),
    ("3.1", "pixel", (0.269, 0.269)),
    ("3.1", "second weight, too", (-0.134, 0.269)),
    ("3.2", "does move", (0, 0, 0, 0)),
    ("3.2", "put out", (0, 0, 1, 1)),
    ("3.2", "zeros", (1, 1, 1, 1)),
    ("3.3", "unless you copy", patient(copy=lambda weights: weights)),
    ("3.3", "best weights", patient(restore=False)),
    ("3.3", "gave up", patient(more=-1)),
    ("3.3", "to zero again", patient(reset=False)),
    ("3.3", "went on for 5", patient(more=1)),
    ("3.3", "held-out images", lambda model, x, y, valid, patience: fit(model, x, y)),
    ("3.4", "transpose", LARGE.T),
    ("3.4", "150 steps", LARGE + 0.05),
    ("3.4", "no shares", 100 * LARGE),
    ("4.1", "3×3", (26, 1)),
    ("4.1", "last place", (23, 2)),
    ("4.1", "one* side", (24, 4)),
    ("4.2", "Nothing is halved", narrow(16, 32, 64)),
    ("4.2", "Each of the three", narrow(16, 32, 32)),
    ("4.2", "hidden layer is halved", narrow(8, 16, 32, hidden=64)),
    ("4.2", "biases", narrow(8, 16, 32, bias=False)),
    ("4.2", "576", narrow(8, 16, 32, fed=288)),
    ("4.3", "turned", lambda image, kernel, *how: laid(image, kernel.flip(0, 1), *how)),
    ("4.3", "rows and columns of your filter", lambda image, kernel, *how: laid(image, kernel.T, *how)),
    ("4.3", "one pixel at a time", lambda image, kernel, padding, stride: laid(image, kernel, padding, 1)),
    ("4.3", "*padded*", lambda image, kernel, padding, stride: laid(image, kernel, 1, stride)),
    ("4.3", "changed places", lambda image, *how: laid(image, *how).T),
    ("4.4", "share is asked", 9_919),
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
    ("4.5", "one epoch", (0.99, 0.84)),
    ("5.1", "independent", 38_000),
    ("5.1", "whole", 4 * 57_000),
    ("5.1", "wrong way round", 25_400),
    ("5.1", "±1 point", 685),
    ("5.2", "exactly at the limit", lambda *given: refuse(*given, strict=True)),
    ("5.2", "in place of the refused", lambda *given: (400 - refuse(*given)[0], refuse(*given)[1])),
    (
        "5.2",
        "of the refused",
        lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), ok[~kept].mean())),
    ),
    (
        "5.2",
        "leave them out",
        lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), (ok & kept).mean())),
    ),
    ("5.2", "all answers", lambda *given: refuse(*given, counted=lambda kept, ok: ((~kept).sum(), ok.mean()))),
    ("5.3", "other way round", (144, 1662)),
    ("5.3", "each has right", (8203, 6685)),
    ("5.3", "each has wrong", (1797, 3315)),
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
    ("11.4", "share is asked", 9_908),
    ("11.4", "per cent", 99.08),
    ("11.4", "share of mistakes", 0.0092),
    ("11.4", "a guess", 0.1),
    ("11.4", "is below", 0.98),
    ("11.4", "is above", 0.9965),
]
JUNK = {"none": None, "text": "junk", "nan": float("nan"), "empty": [], "dict": {}, "shape": np.zeros((2, 3, 4)),
        "raises": lambda *given: 1 / 0, "text_maker": lambda *given: "junk", "object": object(),
        "layer": nn.Linear(2, 2), "pair": (None, "junk"), "nans": np.full((3, 3), np.nan)}  # fmt: skip


@pytest.mark.parametrize("number", _TASKS)
def test_a_right_answer_passes(number):
    verdict = check(number, RIGHT[number])
    assert verdict.passed and verdict.text.startswith("Right. "), verdict.text


@pytest.mark.parametrize("number, word, answer", MISTAKES, ids=[f"{n} {word}" for n, word, _ in MISTAKES])
def test_a_mistake_is_named(number, word, answer):
    verdict = check(number, answer)
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


def test_titles_differ_and_a_list_names_them():
    assert len({title for _, title, _ in _TASKS.values()}) == len(_TASKS)
    assert str(tasks(4)).splitlines()[0] == "4.1 Size of a map (warm-up)" and "<li>4.1 " in tasks(4).markup
