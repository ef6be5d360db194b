"""Train the weights that ship with mnist_nb, and write the card that says how they were made and how they score.

Usage: python tools/train_weights.py [SEED ...]    The first seed's weights ship; all of them make the card's interval.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from mnist_nb.baseline import accuracy_interval
from mnist_nb.cnn import predict_probs, recipe, save_weights, train_cnn, versions
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.settings import Settings

FOLDER = Path(__file__).parent.parent / "mnist_nb" / "weights"
SEEDS = [42, 1, 2, 3, 4]


def count_correct(model, cfg):
    "Correct answers among the 10,000 held-out and the 10,000 test images"
    images, labels = load_mnist("train")
    held_out = holdout_split(seed=cfg.seed)[1]
    sets = {"held_out": (images[held_out], labels[held_out]), "test": load_mnist("test")}
    return {name: int((predict_probs(model, x).argmax(1) == y).sum()) for name, (x, y) in sets.items()}


def score(correct, n=10_000):
    "One run on one set of images, with its 95% Wilson interval"
    return dict(
        correct=correct, images=n, accuracy=correct / n, interval=[round(x, 4) for x in accuracy_interval(correct, n)]
    )


def spread(correct, n=10_000):
    "Several runs on one set of images: where 95% of further runs are expected (Student's t, normal scores)"
    acc = np.array(correct) / n
    half = stats.t.ppf(0.975, len(acc) - 1) * acc.std(ddof=1) * np.sqrt(1 + 1 / len(acc))
    return dict(
        correct=list(correct),
        mean=round(acc.mean(), 5),
        sd=round(acc.std(ddof=1), 5),
        prediction_interval=[round(acc.mean() - half, 5), round(min(1, acc.mean() + half), 5)],
    )


def main(seeds):
    "Train once for each seed, then write the weights and the card."
    cfg, runs, shipped = Settings(), [], None
    for seed in seeds:
        learn = train_cnn(replace(cfg, seed=seed))
        runs.append(count_correct(learn.model, replace(cfg, seed=seed)))
        shipped = shipped or learn.model
        print(f"seed {seed}: {runs[-1]}", flush=True)
    card = dict(
        recipe=recipe(cfg),
        seed=seeds[0],
        versions=versions(),
        **{name: score(runs[0][name]) for name in runs[0]},
        seeds=dict(seeds=seeds, **{name: spread([r[name] for r in runs]) for name in runs[0]}),
    )
    FOLDER.mkdir(exist_ok=True)
    part = FOLDER / "mnist_cnn.json.part"
    part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf8")
    save_weights(shipped, FOLDER / "mnist_cnn.safetensors")
    part.replace(FOLDER / "mnist_cnn.json")


if __name__ == "__main__":
    main([int(s) for s in sys.argv[1:]] or SEEDS)
