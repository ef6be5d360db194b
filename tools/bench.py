"""Time our recipes against their peers, all in one run and taking turns: `make bench`.

The peers are written from their descriptions:

tutorial   the tutorial's pipeline: fastai `DataBlock` over 60,000 PNG files, batch 64, fine_tune(1)
example    PyTorch's MNIST example: conv 32 and 64, dropout, 9216 → 128 → 10, Adadelta, batch 64, rate × 0.7 an epoch;
           stopped after the first epoch with at least 99% on the test images
published  train_mnist_fast: conv 24 and 32, 800 → 256 → 10, Adam with one cycle over one epoch, batch 256

example and published find all 60,000 images in memory, as ours do. The time is that of training: data at rest in
memory (for tutorial: at rest on the disk) and evaluation are left out. Results go to mnist_nb/assets/benchmarks/, and
chapter 7 shows them.
"""

import argparse
import json
import platform
import time
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import fastai.vision.all as fastai
import numpy as np
import torch
from scipy import stats
from torch import nn

from mnist_nb import cnn, loaders
from mnist_nb.cnn import MnistCNN, as_batch, predict_probs
from mnist_nb.data import holdout_split, load_mnist, prepare_fastai_folders
from mnist_nb.loaders import adam, memory_dataloaders
from mnist_nb.results import write_results
from mnist_nb.settings import Settings
from mnist_nb.speed import ACCURATE, FAST, FURTHER, LONGER, ONE_EPOCH, Recipe, bfloat16_autocast, train_recipe

OUT = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets" / "benchmarks" / "speed.json"


def count_correct(model, limit, prepare=as_batch):
    "How many test images a network gets right"
    images, labels = (a[:limit] for a in load_mnist("test"))
    return int((predict_probs(model, images, prepare).argmax(1) == labels).sum())


def epoch(model, optimiser, x, y, batch_size, after_step=lambda: None):
    "One epoch of a textbook loop; returns its seconds"
    start = time.perf_counter()
    for batch in torch.randperm(len(x)).split(batch_size):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimiser.step()
        after_step()
    return time.perf_counter() - start


def in_memory(limit, part=slice(None)):
    "Training images, normalised, and their labels as tensors"
    images, labels = (a[part][:limit] for a in load_mnist("train"))
    return as_batch(images), torch.tensor(labels, dtype=torch.long)


def example(seed, limit):
    "PyTorch's own example"
    torch.manual_seed(seed)
    x, y = in_memory(limit)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimiser = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.7)
    seconds = 0.0
    for _ in range(14 if limit is None else 1):
        seconds += epoch(model, optimiser, x, y, 64)
        schedule.step()
        if (correct := count_correct(model, limit)) >= 9_900:
            break
    return seconds, correct


def published(seed, limit):
    "train_mnist_fast"
    torch.manual_seed(seed)
    x, y = in_memory(limit)
    model = nn.Sequential(
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10)),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    steps = -(-len(x) // 256) + 1
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps, cycle_momentum=False)
    return epoch(model, optimiser, x, y, 256, schedule.step), count_correct(model, limit)


def ours(recipe, seed, limit, precision=nullcontext):
    "A recipe of ours. Its answers are float32, however it was trained"
    with precision():
        trained = train_recipe(replace(recipe, seen=min(recipe.seen, limit or recipe.seen)), seed)
    return trained.seconds, count_correct(trained.model, limit, trained.prepare)


def from_files(batch_size, limit, tutorial=False):
    "`DataLoaders` over PNG files: the 50,000 that are not held out and those held out, or 60,000 and the test images"
    [path] = prepare_fastai_folders(("mnist_png",))
    folders = ("training", "testing") if tutorial else ("training",)
    files = [fastai.get_image_files(path / folder).sorted() for folder in folders]
    few = files if limit is None else [part[:: len(part) // limit][:limit] for part in files]
    block = fastai.DataBlock(
        blocks=(fastai.ImageBlock(cls=fastai.PILImageBW), fastai.CategoryBlock),
        get_items=lambda _: fastai.L(few).concat(),
        splitter=fastai.GrandparentSplitter("training", "testing") if tutorial else loaders.holdout_splitter(),
        get_y=fastai.parent_label,
        batch_tfms=fastai.Normalize() if tutorial else fastai.Normalize.from_stats([cnn.MEAN], [cnn.STD]),
    )
    return block.dataloaders(path, bs=batch_size)


def from_memory(batch_size, limit, tutorial=False):
    "The same images from memory"
    dls = memory_dataloaders(Settings(device="cpu", batch_size=batch_size), 0 if tutorial else 10_000, limit)
    test = loaders.as_rows(*(a[:limit] for a in load_mnist("test")))
    return fastai.DataLoaders(dls.train, dls.test_dl(test, with_labels=True)) if tutorial else dls


def fit(dls, model, how, **kwargs):
    "Train with fastai's `Learner`: its seconds, and the learner"
    learn = fastai.Learner(dls, model, loss_func=nn.CrossEntropyLoss(), metrics=fastai.accuracy, **kwargs)
    with learn.no_bar(), learn.no_logging():
        start = time.perf_counter()
        how(learn)
        return time.perf_counter() - start, learn


def tutorial(seed, limit):
    "The tutorial's pipeline"
    fastai.set_seed(seed, reproducible=True)
    dls = from_files(64, limit, tutorial=True)
    seconds, learn = fit(dls, MnistCNN(), lambda learn: learn.fine_tune(1))
    return seconds, round(learn.recorder.values[-1][-1] * len(dls.valid_ds))


def learner(source, seed, limit):
    "One epoch through `Learner`, with the optimiser of the bare loop that is the next step: a step changes one thing"
    torch.manual_seed(seed)
    model, opt_func = MnistCNN(), partial(fastai.OptimWrapper, opt=torch.optim.Adam, foreach=True)
    dls = fastai.DataLoaders(source(64, limit).train, [])  # nothing to validate on
    seconds, _ = fit(dls, model, lambda learn: learn.fit_one_cycle(1, 0.005), opt_func=opt_func)
    return seconds, count_correct(model, limit)


SHORT = replace(ACCURATE, seen=ACCURATE.seen // 3)
# One epoch over the 50,000 images that are not held out: the tutorial's way, then one cost less at each step.
USUAL = dict(betas=(0.9, 0.999), label_smoothing=0.0, pool_first=False, warm_up=0.25, shape="cos")
PLAIN = Recipe(50_000, batch_size=64, learning_rate=0.005, channels_last=False, **USUAL)
LARGER = replace(PLAIN, batch_size=128, learning_rate=0.01)
RACE = {"ours, 99.0%": FAST, "ours, one epoch": ONE_EPOCH, "ours, four epochs": LONGER, "published": published}
TABLES = {  # who takes turns: a recipe, or a function (seed, limit) -> (seconds of training, correct answers)
    "race": {**RACE, "example": example, "tutorial": tutorial},
    "next": {"ours, 99.0%": FAST, "ours, 99.3%": FURTHER, "published": published},
    "bits": {
        "ours, 99.0%": FAST,
        "ours, 99.0%, bfloat16": partial(ours, FAST, precision=bfloat16_autocast),
        "ours, one epoch": ONE_EPOCH,
        "ours, one epoch, bfloat16": partial(ours, ONE_EPOCH, precision=bfloat16_autocast),
    },
    "steps": {
        "files, Learner": partial(learner, from_files),
        "memory, Learner": partial(learner, from_memory),
        "a bare loop": PLAIN,
        "batches of 128": LARGER,
        "channels last": replace(LARGER, channels_last=True),
        "cut to 24×24": replace(LARGER, channels_last=True, crop=2),
        "smoothing, betas, shape": ONE_EPOCH,
        "34,000 images": FAST,
    },
    "ablation": {
        "one epoch": ONE_EPOCH,
        "without the crop": replace(ONE_EPOCH, crop=0),
        "ReLU before max-pool": replace(ONE_EPOCH, pool_first=False),
        "channels first": replace(ONE_EPOCH, channels_last=False),
        "no label smoothing": replace(ONE_EPOCH, label_smoothing=0.0),
        "Adam's usual betas": replace(ONE_EPOCH, betas=(0.9, 0.999)),
        "rate along a cosine": replace(ONE_EPOCH, shape="cos", warm_up=0.25),
        "batch 64, rate halved": replace(ONE_EPOCH, batch_size=64, learning_rate=ONE_EPOCH.learning_rate / 2),
        "four epochs, not distorted": replace(LONGER, affine=False),
    },
    "ingredients": {
        "a third of the accurate recipe": SHORT,
        "not distorted": replace(SHORT, affine=False),
        "no label smoothing": replace(SHORT, label_smoothing=0.0),
        "peak and betas of the fast recipes": replace(SHORT, learning_rate=0.01, betas=(0.7, 0.9)),
    },
    # The recipe itself was run at full length when the shipped weights were made.
    "full": {"eighteen epochs, not distorted": replace(ACCURATE, affine=False)},
}
SEEDS = dict(race=10, next=10, bits=10, steps=3, ablation=5, ingredients=3, full=3)
FEWER = {"ours, four epochs": 5, "four epochs, not distorted": 3, "example": 2, "tutorial": 2}  # seeds of the slow ones


def take_turns(part, limit):
    "Run everybody with seed 0, then everybody with seed 1, and so on"
    seeds = SEEDS[part] if limit is None else 1
    train_recipe(Recipe(seen=limit or 12_800))  # not timed: whatever trains first in a process takes longer
    runs = {name: [] for name in TABLES[part]}
    for seed in range(seeds):
        for name, contestant in TABLES[part].items():
            if seed < FEWER.get(name, seeds):
                run = partial(ours, contestant) if isinstance(contestant, Recipe) else contestant
                seconds, correct = run(seed, limit)
                print(f"seed {seed}  {name:24} {seconds:6.1f} s  {correct:,} correct", flush=True)
                runs[name].append((seconds, correct))
    table = {name: summary(results, limit or 10_000) for name, results in runs.items()}
    for name, r in table.items():
        low, high = r["interval"]
        print(f"{name:34} {r['median_seconds']:6.1f} s  {r['mean_accuracy']:.2%} ({low:.2%} to {high:.2%})", flush=True)
    return table


def summary(results, n):
    "Median seconds, mean accuracy and the mean's 95% interval over seeds (Student's t)"
    seconds, correct = zip(*results, strict=True)
    accuracy = np.array(correct) / n
    half = stats.t.ppf(0.975, len(accuracy) - 1) * stats.sem(accuracy) if len(accuracy) > 1 else 0.0
    mean, low, high = (round(float(accuracy.mean() + x), 5) for x in (0, -half, half))
    runs = dict(seeds=len(correct), seconds=[round(s, 2) for s in seconds], correct=correct, images=n)
    return runs | dict(median_seconds=round(float(np.median(seconds)), 2), mean_accuracy=mean, interval=[low, high])


WAYS = {"batches of 64": (64, torch.contiguous_format), "batches of 128, channels last": (128, torch.channels_last)}


def loader_ratios(limit):
    """Seconds of 25,000 images through a bare loop and through `Learner` in memory, in many short turns, since what
    else a machine does would blur a ratio of a few long ones; and of whole epochs from memory and from files: those of
    the course, and the 60,000 of the tutorial with its optimiser."""
    part, turns = (25_000, 20) if limit is None else (limit, 2)
    x, y = in_memory(part, holdout_split()[0])
    few = {size: memory_dataloaders(Settings(device="cpu", batch_size=size), 0, part) for size, _ in WAYS.values()}
    # What serves a whole epoch, the memory layout of the network and the optimiser.
    epochs = {
        **{f"memory, {key}": (from_memory(size, limit), layout, adam) for key, (size, layout) in WAYS.items()},
        **{f"files, {key}": (from_files(size, limit), layout, adam) for key, (size, layout) in WAYS.items()},
        "the tutorial's 60,000 files": (from_files(64, limit, tutorial=True), torch.contiguous_format, fastai.Adam),
        "the same 60,000 from memory": (from_memory(128, limit, tutorial=True), torch.channels_last, adam),
    }
    # Channels last: once more in mixed precision
    epochs |= {f"{way}, bfloat16": (*s, bfloat16_autocast) for way, s in epochs.items() if s[1] is torch.channels_last}

    def learn(dls, layout, opt_func, precision=nullcontext):
        with precision():
            model = MnistCNN().to(memory_format=layout)
            return fit(dls, model, lambda learn: learn.fit(1, 0.001), opt_func=opt_func)[0]

    short, whole = defaultdict(list), defaultdict(list)
    for _ in range(turns):
        for key, (size, layout) in WAYS.items():
            model = MnistCNN().to(memory_format=layout)
            optimiser = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
            short[f"bare, {key}"].append(epoch(model, optimiser, x, y, size))
            short[f"Learner, {key}"].append(learn(few[size], layout, adam))
    for _ in range(min(turns, 3)):
        for way, setting in epochs.items():
            whole[way].append(learn(*setting))
    for way, seconds in (short | whole).items():
        print(f"{way:60} {np.median(seconds):6.2f} s", flush=True)
    return dict(images=part, seconds=short, epochs=whole)


def main():
    "Run the benchmark and write its results."
    parts = [*TABLES, "loaders"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="use only so many images, to see that everything runs")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="measure these, keep the others")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write (default: that in the package)")
    args = parser.parse_args()
    keep = args.out.is_file() and len(args.only) < len(parts)
    result = json.loads(args.out.read_text(encoding="utf-8")) if keep else {}
    # What the seconds hold for: each part has its own machine, since `--only` may measure one elsewhere. bfloat16 is
    # fast with some instructions only.
    here = dict(cnn.versions(), threads=torch.get_num_threads(), system=platform.system())
    here["instructions"] = torch.backends.cpu.get_cpu_capability()
    for part in args.only:
        result.setdefault("machine", {})[part] = here
        result[part] = take_turns(part, args.limit) if part in TABLES else loader_ratios(args.limit)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_results(result, args.out)


if __name__ == "__main__":
    main()
