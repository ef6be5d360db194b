"""Train the weights that ship with mnist_nb, and write the card that says how they were made and how they score.

Usage: python tools/train_weights.py [SEED ...]    The first seed's weights ship; all of them make the card's interval.

The runs also go to mnist_nb/assets/runs/, where chapter 9 finds them. About a quarter of an hour on two cores.
"""

import json
import sys
from pathlib import Path

import numpy as np

from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import save_weights, versions
from mnist_nb.results import METHODS, RUNS, prediction_interval, run_method, store_runs

FOLDER = Path(__file__).parent.parent / "mnist_nb" / "assets" / "weights"
METHOD = "cnn_accurate"


def score(correct, n=10_000):
    "One run on one set of images, with its 95% Wilson interval"
    return dict(
        correct=correct, images=n, accuracy=correct / n, interval=[round(x, 4) for x in accuracy_interval(correct, n)]
    )


def spread(correct, n=10_000):
    "Several runs on one set of images: where 95% of further runs are expected (Student's t, normal scores)"
    acc = np.array(correct) / n
    low, high = prediction_interval(acc)
    return dict(
        correct=list(correct),
        mean=round(acc.mean(), 5),
        sd=round(acc.std(ddof=1), 5),
        prediction_interval=[round(low, 5), round(min(1, high), 5)],
    )


def main(seeds):
    "Train once for each seed, then write the runs, the weights and the card."
    runs, shipped = {}, None
    for seed in seeds:
        runs[seed], fitted = run_method(METHOD, seed)
        shipped = shipped or fitted.model
        print({key: value for key, value in runs[seed].items() if key != "answers"}, flush=True)
    correct = {"held_out": [r["held_out"] for r in runs.values()], "test": [r["correct"] for r in runs.values()]}
    seconds = [run["train_seconds"] for run in runs.values()]
    card = dict(
        recipe=dict(network="MnistCNN", trained_on=50_000, held_out=10_000, **METHODS[METHOD].recipe),
        seed=seeds[0],
        versions=versions(),
        **{name: score(correct[name][0]) for name in correct},
        seeds=dict(seeds=seeds, seconds=seconds, **{name: spread(correct[name]) for name in correct}),
    )
    FOLDER.mkdir(exist_ok=True)
    part = FOLDER / "mnist_cnn.json.part"
    part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")
    save_weights(shipped, FOLDER / "mnist_cnn.safetensors")
    part.replace(FOLDER / "mnist_cnn.json")
    store_runs(RUNS / f"{METHOD}.json", runs)


if __name__ == "__main__":
    main([int(s) for s in sys.argv[1:]] or list(METHODS[METHOD].seeds))
