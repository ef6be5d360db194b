"""Measure what the package stores in mnist_nb/assets/ and chapter 10 shows.

python tools/measure.py                     run what is missing in runs/, then write results.json from all runs
python tools/measure.py weights [SEED ...]  train the shipped weights anew first: the first seed's ship, and all of them
                                            make the card's interval. Five to eight minutes a seed on two cores
python tools/measure.py handwriting [FOLDER] [SEED ...]
                                            teach the shipped network the styles of appendix 92, with five seeds: the
                                            first one's network ships, with a card. FOLDER holds real pictures to count
                                            on: its manifest.csv gives the file, label and kind of each, and why it is
                                            hard. About ten minutes on two cores
"""

import csv
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from mnist_nb.baseline import accuracy_interval
from mnist_nb.breaking_it import calibration_error, fit_temperature
from mnist_nb.cnn import load_cnn, predict_probs, save_weights, versions
from mnist_nb.data import holdout_split, load_mnist, whole_file
from mnist_nb.photos import Teaching, exam, exam_sets, settle, teach, teaching_sets
from mnist_nb.results import collect_results, prediction_interval, store_runs, write_results
from mnist_nb.speed import SHIPPED, train_recipe
from mnist_nb.your_digit import prepare_digit

ASSETS = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets"
SETS = dict(held_out=[a[holdout_split()[1]] for a in load_mnist("train")], test=load_mnist("test"))


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
    images, labels = SETS["held_out"]
    temperature = fit_temperature(labels, predict_probs(model, images))
    with torch.no_grad():
        for part in model.fc2.parameters():
            part /= temperature
    return round(temperature, 4)


def train_weights(seeds):
    "Train once for each seed; write runs, weights and the card that says how they were made and score."
    runs = {}
    for seed in seeds:
        trained = train_recipe(SHIPPED, seed)
        answers = {name: predict_probs(trained.model, x).argmax(1) for name, (x, _) in SETS.items()}
        correct = {name: int((answers[name] == y).sum()) for name, (_, y) in SETS.items()}
        runs[seed] = dict(seed=seed, train_seconds=round(trained.seconds, 2), **correct)
        runs[seed] |= dict(threads=torch.get_num_threads(), answers="".join(map(str, answers["test"])))
        print({key: value for key, value in runs[seed].items() if key != "answers"}, flush=True)
        if seed == seeds[0]:
            temperature = calibrate(trained.model)
            save_weights(trained.model, ASSETS / "weights" / "mnist_cnn.safetensors")
        store_runs(ASSETS / "runs" / "cnn_shipped.json", runs)
    correct = {name: [run[name] for run in runs.values()] for name in SETS}
    card = dict(
        recipe=dict(network="MnistCNN", trained_on=50_000, held_out=10_000, **asdict(SHIPPED)),
        seed=seeds[0],
        temperature=temperature,
        versions=versions(),
        **{name: score(correct[name][0]) for name in correct},
        seeds=dict(
            seeds=seeds,
            seconds=[run["train_seconds"] for run in runs.values()],
            **{name: spread(correct[name]) for name in correct},
        ),
    )
    with whole_file(ASSETS / "weights" / "mnist_cnn.json") as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")


def real_pictures(folder):
    "Pictures as chapter 9 prepares them, and labels: all, each kind, and figures 1 and 7 as Europeans write them"
    with open(Path(folder) / "manifest.csv", encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    images = np.stack([prepare_digit(Path(folder) / row["file"]).image for row in rows])
    labels = np.array([int(row["label"]) for row in rows])
    groups = {"all": [True] * len(rows)}
    groups |= {kind: [row["kind"] == kind for row in rows] for kind in sorted({row["kind"] for row in rows})}
    groups["1 and 7 as in Europe"] = ["European" in row["why"] or "barred" in row["why"] for row in rows]
    return {name: (images[chosen], labels[chosen]) for name, chosen in groups.items()}


def teach_handwriting(seeds, folder=None):
    "Teach once for each seed; write the first one's weights, and the card with the exams of all."
    lessons, sets, before = teaching_sets(), exam_sets(), load_cnn()
    sets["test"] = load_mnist("test")
    runs, ships = [], None
    for seed in seeds:
        start = time.perf_counter()
        model = teach(lessons, seed=seed)
        seconds = round(time.perf_counter() - start, 2)
        temperature, below = settle(model, sets)
        runs.append(dict(seconds=seconds, temperature=temperature, below=below, exams=exam(model, sets, below)))
        ships = ships or model
        print(seed, runs[-1], flush=True)
    networks = {"before": before, "after": ships}
    real = real_pictures(folder) if folder else {}
    digits = {name: s for name, s in sets.items() if s[1].min() >= 0}
    digits |= {f"real pictures, {name}": s for name, s in real.items()}
    counts = {when: exam(network, real, runs[0]["below"]) for when, network in networks.items()}
    card = dict(
        recipe=dict(network="MnistCNN", start="mnist_cnn", **asdict(Teaching())),
        seed=seeds[0],
        versions=versions(),
        temperature=round(runs[0]["temperature"], 4),
        refuse_below=runs[0]["below"],
        held_out=score(runs[0]["exams"]["held out"]["correct"]),
        test=score(runs[0]["exams"]["test"]["correct"]),
        before=exam(before, sets, runs[0]["below"]),
        calibration={
            name: {when: round(calibration_error(y, predict_probs(net, x)), 5) for when, net in networks.items()}
            for name, (x, y) in digits.items()
        },
        pictures={when: counts[when] for when in networks},
        seeds=dict(seeds=seeds, **{key: [run[key] for run in runs] for key in runs[0]}),
    )
    with whole_file(ASSETS / "weights" / "handwriting.json") as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")
        save_weights(ships, ASSETS / "weights" / "handwriting.safetensors")


if __name__ == "__main__":
    what = sys.argv[1:]
    seeds = [int(arg) for arg in what[1:] if arg.isdecimal()]
    if what[:1] == ["handwriting"]:
        teach_handwriting(seeds or [42, 1, 2, 3, 4], *(arg for arg in what[1:] if not arg.isdecimal()))
    elif what[:1] == ["weights"]:
        train_weights(seeds or [42])
    elif what:
        sys.exit(__doc__)
    write_results(collect_results(ASSETS / "runs"), ASSETS / "results.json")
