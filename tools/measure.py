"""Measure what the package stores in mnist_nb/assets/ and chapter 10 shows.

python tools/measure.py [METHOD ...]        run what is missing in runs/, of these methods; of all, and write
                                            results.json from them, if none is named
python tools/measure.py weights [SEED ...]  train the accurate recipe for these seeds: the first seed's network ships,
                                            and all of them make the card's interval. Each seed is stored when it is
                                            done, and none is trained again that is stored for the same recipe: delete
                                            runs/cnn_accurate.json to begin anew. About ten minutes a seed
python tools/measure.py handwriting [FOLDER] [SEED ...]
                                            teach the shipped network the styles of appendix 92, with each SEED: the
                                            first one's network ships, with a card. FOLDER holds real pictures to count
                                            on: its manifest.csv gives the file, label and kind of each, and why it is
                                            hard. Each seed is stored in the card when it and the first one are done;
                                            delete that to begin anew. About ten minutes a seed
python tools/measure.py pictures FOLDER     count anew on the real pictures, without teaching: for when the preparation
                                            of a picture has changed

python tools/measure.py plain               train the network of the playground that saw no distorted digits, cnn_plain
                                            of chapter 10 with its first seed. About a minute

Runs have one thread each. --jobs 2 has two at a time, --jobs -1 one for each core, and
--scheduler tcp://192.168.1.20:8786 has them done by the workers of a dask cluster. Each is stored when it ends.
"""

import argparse
import csv
import json
import sys
import time
from contextlib import nullcontext
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
    load_or_run_many,
    prediction_interval,
    run_method,
    store_runs,
    stored_runs,
    write_results,
)
from mnist_nb.speed import shifted_probs
from mnist_nb.workers import on_cluster, repeat
from mnist_nb.your_digit import prepare_digit

ASSETS = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets"
HANDWRITING = ASSETS / "weights" / "handwriting.json"
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


def train_seed(seed):
    "The accurate recipe: a run, one with five looks of the same network, and the network"
    run, fitted = run_method(SHIPPED, seed)
    looks = Fitted(lambda x: shifted_probs(fitted.model, x).argmax(1), fitted.parameters)
    return run, judge_fitted(SHIFTED, seed, looks, run["train_seconds"]), fitted.model


def in_order(runs, seeds):
    "Runs by their seeds: first those asked for, in that order"
    return {seed: runs[seed] for seed in dict.fromkeys([*seeds, *runs]) if seed in runs}


def train_weights(seeds, jobs=None):
    "Train once for each seed; write runs, weights and the card that says how they were made and score."
    folder, path = ASSETS / "runs", ASSETS / "weights" / "mnist_cnn.json"
    runs, shifted = (stored_runs(name, folder) for name in (SHIPPED, SHIFTED))
    card = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    made = card.get("seed") == seeds[0]  # the weights are this seed's
    missing = [(s,) for s in seeds if s not in runs or s not in shifted or (s == seeds[0] and not made)]
    for (seed,), (runs[seed], shifted[seed], model) in repeat(train_seed, missing, jobs):
        print({key: value for key, value in runs[seed].items() if key != "answers"}, flush=True)
        if seed == seeds[0]:
            card = dict(seed=seed, temperature=calibrate(model), versions=versions())
            save_weights(model, ASSETS / "weights" / "mnist_cnn.safetensors")
        if seeds[0] in runs and card.get("seed") == seeds[0]:
            score_weights(path, card, [runs[s] for s in seeds if s in runs])
        for name, done in {SHIFTED: shifted, SHIPPED: runs}.items():
            store_runs(folder / f"{name}.json", in_order(done, seeds))
    score_weights(path, card, [runs[s] for s in seeds])


def train_plain():
    "Train the same network on digits as they are; write its weights and a card."
    run, fitted = run_method("cnn_plain", 0)
    path, temperature = ASSETS / "weights" / "mnist_plain.json", calibrate(fitted.model)
    save_weights(fitted.model, path.with_suffix(".safetensors"))
    scores = dict(held_out=score(run["held_out"]), test=score(run["correct"]))
    write_card(path, dict(recipe=run["recipe"], seed=0, temperature=temperature, versions=versions(), **scores))


def score_weights(path, card, done):
    "Write the card of the shipped network, with what it and the other seeds score."
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
    write_card(path, card)


def write_card(path, card):
    "Write what is said of a network. The file appears whole or not at all."
    with whole_file(path) as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")


KINDS = {  # words of the manifest's "why"; the first kind that fits counts
    "sheet, frame or desk": ("border", "surround", "figure"),
    "form cell": ("form cell",),
    "1 and 7 as in Europe": ("European", "barred"),
    "faint or broken": ("faint", "gap"),
    "small or with dark corners": ("A4", "corners"),
    "16 pixels": ("16x16",),
}


def real_pictures(folder):
    "Pictures as chapter 9 prepares them, and labels: all, those that failed and passed when picked, each kind"
    with open(Path(folder) / "manifest.csv", encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    images = np.stack([prepare_digit(Path(folder) / row["file"]).image for row in rows])
    labels = np.array([int(row["label"]) for row in rows])
    kinds = [next((k for k, words in KINDS.items() if any(w in row["why"] for w in words)), "") for row in rows]
    groups = {"all": np.ones(len(rows), bool)}
    groups |= {kind: np.array([row["kind"] == kind for row in rows]) for kind in ("fails today", "passes today")}
    groups |= {kind: np.array([k == kind for k in kinds]) for kind in KINDS}
    return {name: (images[chosen], labels[chosen]) for name, chosen in groups.items()}


def calibration(networks, images, labels):
    return {
        when: round(calibration_error(labels, predict_probs(network, images)), 5) for when, network in networks.items()
    }


def count_pictures(networks, folder, below):
    "Counts for each kind of real picture; calibration errors for all of them, and for those that failed and passed"
    real = real_pictures(folder)
    counts = {when: exam(network, real, below) for when, network in networks.items()}
    return counts, {f"real pictures, {name}": calibration(networks, *real[name]) for name in list(real)[:3]}


def count_again(folder):
    "Put into the card what the network that ships, and the one before it, make of the real pictures today."
    card = json.loads(HANDWRITING.read_text(encoding="utf8"))
    networks = {"before": load_cnn(), "after": load_cnn(name="handwriting")}
    card["pictures"], errors = count_pictures(networks, folder, card["refuse_below"])
    kept = {name: error for name, error in card["calibration"].items() if not name.startswith("real pictures")}
    write_card(HANDWRITING, card | {"calibration": kept | errors})


def teach_seed(seed, lessons, sets):
    "Teach the shipped network once: what came out, and the network"
    start = time.perf_counter()
    model = teach(lessons, seed=seed)
    seconds = round(time.perf_counter() - start, 2)
    temperature, below = settle(model, sets)
    return dict(seconds=seconds, temperature=temperature, below=below, exams=exam(model, sets, below)), model


def teach_handwriting(seeds, jobs=None, folder=None):
    "Teach once for each seed; write the first one's weights, and the card with the exams of all."
    recipe = dict(network="MnistCNN", start="mnist_cnn", **asdict(Teaching()))
    card = json.loads(HANDWRITING.read_text(encoding="utf8")) if HANDWRITING.is_file() else {}
    if card.get("recipe") != json.loads(json.dumps(recipe)) or card["seed"] != seeds[0]:
        card = dict(recipe=recipe, seeds=dict(seeds=[]))
    keys = [*card["seeds"]][1:]
    runs = {seed: dict(zip(keys, run, strict=True)) for seed, *run in zip(*card["seeds"].values(), strict=True)}
    if missing := [seed for seed in seeds if seed not in runs]:
        lessons, sets = teaching_sets(), exam_sets() | {"test": load_mnist("test")}
    for (seed, *_), (runs[seed], model) in repeat(teach_seed, [(seed, lessons, sets) for seed in missing], jobs):
        print(seed, runs[seed], flush=True)
        if seed == seeds[0]:
            card |= describe_taught(seed, runs[seed], model, sets, folder)
            save_weights(model, HANDWRITING.with_suffix(".safetensors"))
        if seeds[0] in runs:
            done = in_order(runs, seeds)
            columns = {key: [run[key] for run in done.values()] for key in runs[seed]}
            write_card(HANDWRITING, card | dict(seeds=dict(seeds=[*done], **columns)))


def describe_taught(seed, run, model, sets, folder):
    "What the card says of the network that ships"
    before, below = load_cnn(), run["below"]
    networks = {"before": before, "after": model}
    digits = {name: s for name, s in sets.items() if s[1].min() >= 0}
    pictures, errors = count_pictures(networks, folder, below) if folder else ({}, {})
    return dict(
        seed=seed,
        versions=versions(),
        temperature=round(run["temperature"], 4),
        refuse_below=below,
        held_out=score(run["exams"]["held out"]["correct"]),
        test=score(run["exams"]["test"]["correct"]),
        before=exam(before, sets, below),
        calibration={name: calibration(networks, *s) for name, s in digits.items()} | errors,
        pictures=pictures,
    )


def main():
    "Measure what is asked for."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="METHOD ..., or one of the words above and what follows it")
    parser.add_argument("--jobs", type=int, metavar="N", help="how many at a time; -1: one for each core")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster")
    args = parser.parse_args()
    what = args.what
    if what == ["plain"]:
        return train_plain()
    if what[:1] == ["pictures"]:
        if len(what) != 2:
            parser.error("pictures needs one FOLDER")
        return count_again(what[1])
    word, methods = (what[0], []) if what[:1] in (["weights"], ["handwriting"]) else (None, what)
    seeds = [int(arg) for arg in what[1:] if arg.isdecimal()] or [*METHODS[SHIPPED].seeds]
    folders = [arg for arg in what[1:] if not arg.isdecimal()]
    if (word == "weights" and folders) or (word == "handwriting" and len(folders) > 1):
        wanted = "SEED ..." if word == "weights" else "[FOLDER] [SEED ...]"
        parser.error(f"expected {wanted} after {word}, got {' '.join(what[1:])}")
    if unknown := set(methods) - set(METHODS):
        parser.error(f"METHOD must be one of {', '.join(METHODS)}, got {', '.join(sorted(unknown))}")
    try:
        with on_cluster(args.scheduler) if args.scheduler else nullcontext():
            if word == "handwriting":
                return teach_handwriting(seeds, args.jobs, *folders)
            if word == "weights":
                train_weights(seeds, args.jobs)
            load_or_run_many(methods or METHODS, folder=ASSETS / "runs", n_jobs=args.jobs)
            if not methods:
                write_results(collect_results(ASSETS / "runs"), ASSETS / "results.json")
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
