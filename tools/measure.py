"""Measure what the package stores in mnist_nb/assets/ and chapter 10 shows.

python tools/measure.py [METHOD ...]        run what is missing in runs/ (of these methods, or of all), one seed at a
                                            time, then write results.json from all runs
python tools/measure.py weights [SEED ...]  train the accurate recipe for these seeds: the first seed's network ships,
                                            and all of them make the card's interval. Each seed is stored when it is
                                            done, and none is trained again that is stored for the same recipe: delete
                                            runs/cnn_accurate.json to begin anew. About five minutes a seed on two cores
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
from mnist_nb.your_digit import prepare_digit

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
    if what[:1] == ["handwriting"]:
        folder = [arg for arg in what[1:] if not arg.isdecimal()]
        teach_handwriting([int(arg) for arg in what[1:] if arg.isdecimal()] or [42, 1, 2, 3, 4], *folder)
        sys.exit()
    if what[:1] == ["weights"]:
        train_weights([int(s) for s in what[1:]] or list(METHODS[SHIPPED].seeds))
        what = []
    if unknown := set(what) - set(METHODS):
        sys.exit(f"{__doc__}\nMETHOD must be one of {', '.join(METHODS)}, got {', '.join(sorted(unknown))}")
    for name in what or METHODS:
        load_or_run(name, folder=ASSETS / "runs")
    if not what:
        write_results(collect_results(ASSETS / "runs"), ASSETS / "results.json")
