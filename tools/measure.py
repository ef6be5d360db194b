"""Measure what the package stores in mnist_nb/assets/ and chapter 10 shows.

python tools/measure.py                     run what is missing in runs/, then write results.json from all runs
python tools/measure.py weights [SEED ...]  train the shipped weights anew first: the first seed's ship, and all of them
                                            make the card's interval. A quarter of an hour on two cores
"""

import json
import sys
from pathlib import Path

import numpy as np

from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import save_weights, versions
from mnist_nb.data import whole_file
from mnist_nb.results import METHODS, collect_results, prediction_interval, run_method, store_runs, write_results

ASSETS = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets"
SHIPPED = "cnn_accurate"


def score(correct):
    "One run on 10,000 images, with its 95% Wilson interval"
    interval = [round(x, 4) for x in accuracy_interval(correct, 10_000)]
    return dict(correct=correct, images=10_000, accuracy=correct / 10_000, interval=interval)


def spread(correct):
    "Several runs on 10,000 images: where 95% of further runs are expected (Student's t, normal scores)"
    acc = np.array(correct) / 10_000
    interval = [round(min(1, end), 5) for end in prediction_interval(acc)]
    return dict(correct=correct, mean=round(acc.mean(), 5), sd=round(acc.std(ddof=1), 5), prediction_interval=interval)


def train_weights(seeds):
    "Train once for each seed, then write the runs, the weights and the card that says how they were made and score."
    runs, shipped = {}, None
    for seed in seeds:
        runs[seed], fitted = run_method(SHIPPED, seed)
        shipped = shipped or fitted.model
        print({key: value for key, value in runs[seed].items() if key != "answers"}, flush=True)
    correct = {"held_out": [r["held_out"] for r in runs.values()], "test": [r["correct"] for r in runs.values()]}
    seconds = [run["train_seconds"] for run in runs.values()]
    card = dict(
        recipe=dict(network="MnistCNN", trained_on=50_000, held_out=10_000, **METHODS[SHIPPED].recipe),
        seed=seeds[0],
        versions=versions(),
        **{name: score(correct[name][0]) for name in correct},
        seeds=dict(seeds=seeds, seconds=seconds, **{name: spread(correct[name]) for name in correct}),
    )
    with whole_file(ASSETS / "weights" / "mnist_cnn.json") as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")
        save_weights(shipped, ASSETS / "weights" / "mnist_cnn.safetensors")
    store_runs(ASSETS / "runs" / f"{SHIPPED}.json", runs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["weights"]:
        train_weights([int(s) for s in sys.argv[2:]] or list(METHODS[SHIPPED].seeds))
    elif sys.argv[1:]:
        sys.exit(__doc__)
    write_results(collect_results(ASSETS / "runs"), ASSETS / "results.json")
