"""Measure what the package stores in mnist_nb/assets/ and chapter 10 shows.

python tools/measure.py [METHOD ...]        run what is missing in runs/ (of these methods, or of all), one seed at a
                                            time, then write results.json from all runs
python tools/measure.py weights [SEED ...]  train the accurate recipe for these seeds: the first seed's network ships,
                                            and all of them make the card's interval. Each seed is stored when it is
                                            done, and none is trained again that is stored for the same recipe: delete
                                            runs/cnn_accurate.json to begin anew. About five minutes a seed on two cores
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from mnist_nb.baseline import accuracy_interval
from mnist_nb.breaking_it import fit_temperature
from mnist_nb.cnn import predict_probs, save_weights, versions
from mnist_nb.data import holdout_split, load_mnist, whole_file
from mnist_nb.results import (
    METHODS,
    Fitted,
    collect_results,
    judge_fitted,
    load_or_run,
    prediction_interval,
    run_method,
    store_runs,
    stored_runs,
    write_results,
)
from mnist_nb.speed import shifted_probs

ASSETS = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets"
SHIPPED, SHIFTED = "cnn_accurate", "cnn_shifted"


def score(correct):
    "One run on 10,000 images, with its 95% Wilson interval"
    interval = [round(x, 4) for x in accuracy_interval(correct, 10_000)]
    return dict(correct=correct, images=10_000, accuracy=correct / 10_000, interval=interval)


def spread(correct):
    "Runs on 10,000 images: where 95% of further runs are expected (Student's t, normal scores); None for a single run"
    acc = np.array(correct) / 10_000
    several = len(acc) > 1
    interval = [round(min(1, end), 5) for end in prediction_interval(acc)] if several else None
    sd = round(acc.std(ddof=1), 5) if several else None
    return dict(correct=correct, mean=round(acc.mean(), 5), sd=sd, prediction_interval=interval)


def calibrate(model):
    "Divide a network's scores by the temperature that fits the held-out images, and return that"
    images, labels = (a[holdout_split()[1]] for a in load_mnist("train"))
    temperature = fit_temperature(labels, predict_probs(model, images))
    with torch.no_grad():
        for part in model.fc2.parameters():
            part /= temperature
    return round(temperature, 4)


def train_weights(seeds):
    "Train once for each seed; write runs, weights and the card that says how they were made and score."
    folder, path = ASSETS / "runs", ASSETS / "weights" / "mnist_cnn.json"
    runs, shifted = (stored_runs(name, folder) for name in (SHIPPED, SHIFTED))
    card = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    for seed in seeds:
        if seed not in runs or seed not in shifted:
            runs[seed], fitted = run_method(SHIPPED, seed)
            model = fitted.model
            looks = Fitted(lambda x, model=model: shifted_probs(model, x).argmax(1), fitted.parameters)
            shifted[seed] = judge_fitted(SHIFTED, seed, looks, runs[seed]["train_seconds"])
            print({key: value for key, value in runs[seed].items() if key != "answers"}, flush=True)
            if seed == seeds[0]:
                card = dict(seed=seed, temperature=calibrate(model), versions=versions())
                save_weights(model, ASSETS / "weights" / "mnist_cnn.safetensors")
            store_runs(folder / f"{SHIFTED}.json", shifted)
            store_runs(folder / f"{SHIPPED}.json", runs)
        done = [runs[s] for s in seeds if s in runs]
        correct = {"held_out": [r["held_out"] for r in done], "test": [r["correct"] for r in done]}
        card = dict(
            recipe=dict(network="MnistCNN", trained_on=50_000, held_out=10_000, **METHODS[SHIPPED].recipe),
            **{key: card[key] for key in ("seed", "temperature", "versions")},
            **{name: score(correct[name][0]) for name in correct},
            seeds=dict(
                seeds=[r["seed"] for r in done],
                seconds=[r["train_seconds"] for r in done],
                **{name: spread(correct[name]) for name in correct},
            ),
        )
        with whole_file(path) as part:
            part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    what = sys.argv[1:]
    if what[:1] == ["weights"]:
        train_weights([int(s) for s in what[1:]] or list(METHODS[SHIPPED].seeds))
        what = []
    if unknown := set(what) - set(METHODS):
        sys.exit(f"{__doc__}\nMETHOD must be one of {', '.join(METHODS)}, got {', '.join(sorted(unknown))}")
    for name in what or METHODS:
        load_or_run(name, folder=ASSETS / "runs")
    if not what:
        write_results(collect_results(ASSETS / "runs"), ASSETS / "results.json")
