"""Time our recipes against their peers, all in one run and taking turns: `make bench`.

The peers are written from their descriptions:

tutorial   the tutorial's pipeline: fastai `DataBlock` over 60,000 PNG files, batch 64, fine_tune(1)
example    PyTorch's MNIST example: conv 32 and 64, dropout, 9216 → 128 → 10, Adadelta, batch 64, rate × 0.7 an epoch;
           stopped after the first epoch with at least 99% on the test images
published  train_mnist_fast: conv 24 and 32, 800 → 256 → 10, Adam with one cycle over one epoch, batch 256

example and published find all 60,000 images in memory, as ours do. The time is that of training: data at rest in
memory (for tutorial: at rest on the disk) and evaluation are left out. Results go to mnist_nb/assets/benchmarks/ as JSON and a table.
"""

import argparse
import json
import platform
import statistics
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from mnist_nb.cnn import MEAN, STD, MnistCNN, adam, as_batch, as_rows, holdout_splitter, memory_dataloaders, versions
from mnist_nb.data import holdout_split, load_mnist, prepare_fastai_folders
from mnist_nb.settings import Settings
from mnist_nb.speed import (
    ACCURATE,
    FAST,
    FURTHER,
    LONGER,
    ONE_EPOCH,
    Recipe,
    half_the_bits,
    recipe_probs,
    train_recipe,
)

FOLDER = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets" / "benchmarks"  # in the package: chapter 6 reads it


# ---------------------------------------------------------------- the peers


def tensors(split, limit):
    "Images, normalised, and labels of a split as tensors"
    images, labels = load_mnist(split)
    return as_batch(images[:limit]), torch.tensor(labels[:limit], dtype=torch.long)


def count_right(model, limit=None):
    "How many test images a peer's model gets right"
    x, y = tensors("test", limit)
    model.eval()
    with torch.inference_mode():
        right = sum(int((model(xb).argmax(1) == yb).sum()) for xb, yb in zip(x.split(1000), y.split(1000), strict=True))
    model.train()
    return right


def epoch(model, optimiser, x, y, batch_size, after_step=lambda: None):
    "One epoch of a textbook loop; returns its seconds"
    start = time.perf_counter()
    for batch in torch.randperm(len(x)).split(batch_size):
        optimiser.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimiser.step()
        after_step()
    return time.perf_counter() - start


def tutorial_dataloaders(limit):
    "The tutorial's way: 60,000 PNG files to train on and the 10,000 test images to validate, batches of 64"
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        GrandparentSplitter,
        ImageBlock,
        Normalize,
        PILImageBW,
        get_image_files,
        parent_label,
    )

    def thin(folder):
        files = get_image_files(folder).sorted()
        return files if limit is None else files[:: len(files) // limit][:limit]

    [path] = prepare_fastai_folders(("mnist_png",))
    block = DataBlock(
        blocks=(ImageBlock(cls=PILImageBW), CategoryBlock),
        get_items=lambda p: thin(p / "training") + thin(p / "testing"),
        splitter=GrandparentSplitter(train_name="training", valid_name="testing"),
        get_y=parent_label,
        batch_tfms=Normalize(),
    )
    return block.dataloaders(path, bs=64)


def run_tutorial(seed, limit):
    "The tutorial's pipeline: (seconds, right answers)"
    from fastai.vision.all import Learner, accuracy, set_seed

    set_seed(seed, reproducible=True)
    learn = Learner(tutorial_dataloaders(limit), MnistCNN(), loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
    with learn.no_bar(), learn.no_logging():
        start = time.perf_counter()
        learn.fine_tune(1)
        seconds = time.perf_counter() - start
    return seconds, round(learn.recorder.values[-1][-1] * len(learn.dls.valid_ds))


def run_example(seed, limit):
    "PyTorch's own example: (seconds, right answers)"
    torch.manual_seed(seed)
    x, y = tensors("train", limit)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimiser = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.7)
    seconds, right, wanted = 0.0, 0, 0.99 * len(tensors("test", limit)[1])
    for _ in range(14 if limit is None else 1):
        seconds += epoch(model, optimiser, x, y, 64)
        schedule.step()
        right = count_right(model, limit)
        if right >= wanted:
            break
    return seconds, right


def run_published(seed, limit):
    "train_mnist_fast: (seconds, right answers)"
    torch.manual_seed(seed)
    x, y = tensors("train", limit)
    model = nn.Sequential(
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10)),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    steps = -(-len(x) // 256)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps + 1, cycle_momentum=False)
    return epoch(model, optimiser, x, y, 256, schedule.step), count_right(model, limit)


# ---------------------------------------------------------------- ours


def run_recipe(recipe, precision=nullcontext):
    "A function that runs a recipe of ours: (seconds, right answers). Its answers are float32, however it was trained"

    def run(seed, limit):
        small = recipe if limit is None else replace(recipe, seen=min(recipe.seen, limit))
        with precision():
            model, seconds = train_recipe(small, seed)
        images, labels = load_mnist("test")
        return seconds, int((recipe_probs(model, images[:limit], small).argmax(1) == labels[:limit]).sum())

    return run


# ---------------------------------------------------------------- loaders


def learner_seconds(dls, model, limit, one_cycle=False, validate=False, opt_func=adam):
    "Seconds of one epoch with fastai's `Learner`: its training, and where asked its validation"
    from fastai.vision.all import Callback, CancelFitException, CancelValidException, Learner, accuracy

    class Shortened(Callback):
        def after_batch(self):
            if self.training and (self.iter + 1) * dls.bs >= limit:
                raise CancelFitException

    class TrainOnly(Callback):
        def before_validate(self):
            raise CancelValidException

    # A callback of ours would be called at every step and add to the cost: only where there is no other way.
    cbs = [Shortened()] if limit is not None else []
    if not validate and dls.valid_ds:
        cbs.append(TrainOnly())
    learn = Learner(dls, model, loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, metrics=accuracy, cbs=cbs)
    with learn.no_bar(), learn.no_logging():
        start = time.perf_counter()
        if one_cycle:
            learn.fit_one_cycle(1, 0.005)
        else:
            learn.fit(1, 0.001)
        return time.perf_counter() - start


def file_dataloaders(batch_size):
    "The 50,000 images that are not held out, from PNG files through a `DataBlock`"
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        Normalize,
        PILImageBW,
        get_image_files,
        parent_label,
    )

    [path] = prepare_fastai_folders(("mnist_png",))
    block = DataBlock(
        blocks=(ImageBlock(cls=PILImageBW), CategoryBlock),
        get_items=get_image_files,
        splitter=holdout_splitter(seed=42),
        get_y=parent_label,
        batch_tfms=Normalize.from_stats([MEAN], [STD]),
    )
    return block.dataloaders(path, bs=batch_size)


def run_learner(source):
    "A function that trains one epoch through `Learner`, from 'files' or 'memory': (seconds, right answers)"

    def run(seed, limit):
        from fastai.optimizer import OptimWrapper

        torch.manual_seed(seed)
        model = MnistCNN()
        dls = file_dataloaders(64) if source == "files" else memory_dataloaders(Settings(device="cpu"))
        # The optimiser of the bare loop that is the next step, so that a step changes one thing.
        opt_func = partial(OptimWrapper, opt=torch.optim.Adam, foreach=True)
        return learner_seconds(dls, model, limit, one_cycle=True, opt_func=opt_func), count_right(model, limit)

    return run


# How the loaders are compared: the size of a batch and the memory layout of the network.
LARGE = "batches of 128, channels last"
WAYS = {"batches of 64": (64, torch.contiguous_format), LARGE: (128, torch.channels_last)}


def memory_dataloaders_60_000():
    "What the tutorial trains on and validates by, from memory: batches of 128, for a network that is channels last"
    from fastai.data.core import DataLoaders

    dls = memory_dataloaders(Settings(device="cpu", batch_size=128), n_valid=0)
    return DataLoaders(dls.train, dls.test_dl(as_rows(*load_mnist("test")), with_labels=True))


def loader_ratios(turns, limit):
    """Seconds of 25,000 images through a bare loop and through `Learner` in memory, in many short turns, since what
    else a machine does would blur a ratio of a few long ones; and of whole epochs from memory and from files: those of
    the course, and the 60,000 of the tutorial with its optimiser."""
    from fastai.optimizer import Adam

    part = limit or 25_000
    images, labels = (a[holdout_split(seed=42)[0]][:part] for a in load_mnist("train"))
    x, y = as_batch(images), torch.tensor(labels, dtype=torch.long)

    def network(layout):
        return MnistCNN().to(memory_format=layout)

    def bare(batch_size, layout):
        model = network(layout)
        return epoch(model, torch.optim.Adam(model.parameters(), 1e-3, fused=True), x, y, batch_size)

    memory, few = (
        {key: memory_dataloaders(Settings(device="cpu", batch_size=size), **n) for key, (size, _) in WAYS.items()}
        for n in ({}, dict(n_valid=0, n_train=part))
    )
    memory_60_000 = memory_dataloaders_60_000()
    plain, last = torch.contiguous_format, torch.channels_last
    # What serves a whole epoch, the memory layout of the network, the optimiser and the precision.
    epochs = {
        **{f"memory, {key}": (memory[key], layout, adam, nullcontext) for key, (_, layout) in WAYS.items()},
        "files, batches of 64": (file_dataloaders(64), plain, adam, nullcontext),
        f"files, {LARGE}": (file_dataloaders(128), last, adam, nullcontext),
        "the tutorial's 60,000 files": (tutorial_dataloaders(limit), plain, Adam, nullcontext),
        "the same 60,000 from memory": (memory_60_000, last, adam, nullcontext),
        "the same 60,000 from memory, bfloat16": (memory_60_000, last, adam, half_the_bits),
        f"memory, {LARGE}, bfloat16": (memory[LARGE], last, adam, half_the_bits),
        f"files, {LARGE}, bfloat16": (file_dataloaders(128), last, adam, half_the_bits),
    }
    short, whole = {}, {way: [] for way in epochs}
    for _ in range(turns):
        for key, (size, layout) in WAYS.items():
            short.setdefault(f"bare, {key}", []).append(bare(size, layout))
            short.setdefault(f"Learner, {key}", []).append(learner_seconds(few[key], network(layout), None))
    for _ in range(min(turns, 3)):
        for way, (dls, layout, opt_func, precision) in epochs.items():
            with precision():
                seconds = learner_seconds(dls, network(layout), limit, validate=True, opt_func=opt_func)
            whole[way].append(seconds)
    return dict(images=part, seconds=short, epochs=whole)


# ---------------------------------------------------------------- what runs

CHANGES = {
    "one epoch": ONE_EPOCH,
    "without the crop": replace(ONE_EPOCH, crop=0),
    "ReLU before max-pool": replace(ONE_EPOCH, pool_first=False),
    "channels first": replace(ONE_EPOCH, channels_last=False),
    "no label smoothing": replace(ONE_EPOCH, label_smoothing=0.0),
    "Adam's usual betas": replace(ONE_EPOCH, betas=(0.9, 0.999)),
    "rate along a cosine": replace(ONE_EPOCH, shape="cos", warm_up=0.25),
    "batch 64, rate halved": replace(ONE_EPOCH, batch_size=64, learning_rate=ONE_EPOCH.learning_rate / 2),
}
# What runs, and how many seeds at most.
ABLATION = {
    **{name: (run_recipe(recipe), 5) for name, recipe in CHANGES.items()},
    "four epochs, not distorted": (run_recipe(replace(LONGER, affine=False)), 3),
}

# What makes the accurate recipe accurate, at a third of its length.
SHORT = replace(ACCURATE, seen=ACCURATE.seen // 3)
INGREDIENTS = {
    "a third of the accurate recipe": (run_recipe(SHORT), 3),
    "not distorted": (run_recipe(replace(SHORT, affine=False)), 3),
    "no label smoothing": (run_recipe(replace(SHORT, label_smoothing=0.0)), 3),
    "peak and betas of the fast recipes": (run_recipe(replace(SHORT, learning_rate=0.01, betas=(0.7, 0.9))), 3),
}
# At full length; the recipe itself was run at full length when the shipped weights were made.
FULL = {"eighteen epochs, not distorted": (run_recipe(replace(ACCURATE, affine=False)), 3)}
# One epoch over the 50,000 images that are not held out: the tutorial's way, then one cost less at each step.
PLAIN = Recipe(
    seen=50_000,
    batch_size=64,
    learning_rate=0.005,
    betas=(0.9, 0.999),
    label_smoothing=0.0,
    pool_first=False,
    channels_last=False,
    warm_up=0.25,
    shape="cos",
)
LARGER = replace(PLAIN, batch_size=128, learning_rate=0.01)
STEPS = {
    "files, Learner": (run_learner("files"), 3),
    "memory, Learner": (run_learner("memory"), 3),
    "a bare loop": (run_recipe(PLAIN), 3),
    "batches of 128": (run_recipe(LARGER), 3),
    "channels last": (run_recipe(replace(LARGER, channels_last=True)), 3),
    "cut to 24×24": (run_recipe(replace(LARGER, channels_last=True, crop=2)), 3),
    "smoothing, betas, shape": (run_recipe(ONE_EPOCH), 3),
    "34,000 images": (run_recipe(FAST), 3),
}
# The next goal, beside the fast recipe and the published notebook in the same run.
NEXT = {
    "ours, 99.0%": (run_recipe(FAST), 10),
    "ours, 99.3%": (run_recipe(FURTHER), 10),
    "published": (run_published, 10),
}
# The fast recipes with half the bits, each beside itself.
BITS = {
    "ours, 99.0%": (run_recipe(FAST), 10),
    "ours, 99.0%, bfloat16": (run_recipe(FAST, half_the_bits), 10),
    "ours, one epoch": (run_recipe(ONE_EPOCH), 10),
    "ours, one epoch, bfloat16": (run_recipe(ONE_EPOCH, half_the_bits), 10),
}
RACE = {
    "ours, 99.0%": (run_recipe(FAST), 10),
    "ours, one epoch": (run_recipe(ONE_EPOCH), 10),
    "ours, four epochs": (run_recipe(LONGER), 5),
    "published": (run_published, 10),
    "example": (run_example, 2),
    "tutorial": (run_tutorial, 2),
}


# ---------------------------------------------------------------- running and reporting


def take_turns(contestants, limit, seeds):
    "Run everybody with seed 0, then everybody with seed 1, and so on"
    train_recipe(Recipe(seen=limit or 12_800))  # not timed: whatever trains first in a process takes longer
    runs = {name: [] for name in contestants}
    for seed in range(seeds):
        for name, (run, most) in contestants.items():
            if seed < most:
                runs[name].append(run(seed, limit))
                print(f"seed {seed}  {name:24} {runs[name][-1][0]:6.1f} s  {runs[name][-1][1]:,} right", flush=True)
    return {name: summary(results, limit or 10_000) for name, results in runs.items()}


def summary(results, n):
    "Median seconds, mean accuracy and the mean's 95% interval over seeds (Student's t)"
    seconds, right = zip(*results, strict=True)
    accuracy = np.array(right) / n
    half = 0.0
    if len(accuracy) > 1:
        half = float(stats.t.ppf(0.975, len(accuracy) - 1) * accuracy.std(ddof=1) / len(accuracy) ** 0.5)
    mean = float(accuracy.mean())
    return dict(
        seeds=len(right),
        seconds=[round(s, 2) for s in seconds],
        correct=list(right),
        images=n,
        median_seconds=round(statistics.median(seconds), 2),
        mean_accuracy=round(mean, 5),
        interval=[round(mean - half, 5), round(mean + half, 5)],
    )


def table(title, rows):
    "A Markdown table of summaries"
    lines = [f"## {title}", "", "| method | seeds | median seconds | mean accuracy | 95% interval |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for name, r in rows.items():
        low, high = r["interval"]
        measured = f"{r['median_seconds']:.1f} | {r['mean_accuracy']:.2%} | {low:.2%} to {high:.2%}"
        lines.append(f"| {name} | {r['seeds']} | {measured} |")
    return "\n".join(lines)


def loader_table(loaders):
    "Markdown tables of the loaders' times"

    def rows(times):
        return [f"| {way} | {statistics.median(seconds):.2f} |" for way, seconds in times.items()]

    head = ["", "| way | median seconds |", "| --- | --- |"]
    turns = len(next(iter(loaders["seconds"].values())))
    short = f"## {loaders['images']:,} training images, bare loop and Learner in {turns} turns"
    lines = [short, *head, *rows(loaders["seconds"])]
    for key in WAYS:
        lines.append(f"| Learner / bare, {key} | {learner_cost(loaders, key):.3f} |")
    return "\n".join([*lines, "", "## Whole epochs of Learner, validation included", *head, *rows(loaders["epochs"])])


def learner_cost(loaders, key):
    "Median over the turns of `Learner`'s time over that of the bare loop beside it"
    with_learner, bare = (loaders["seconds"][f"{way}, {key}"] for way in ("Learner", "bare"))
    return statistics.median(a / b for a, b in zip(with_learner, bare, strict=True))


# The tables of those who take turns, with their titles.
TABLES = {
    "race": ("Race", RACE),
    "next": ("The next goal", NEXT),
    "bits": ("Half the bits", BITS),
    "steps": ("One cost less at each step", STEPS),
    "ablation": ("One change at a time", ABLATION),
    "ingredients": ("What makes the accurate recipe accurate", INGREDIENTS),
    "full": ("At full length", FULL),
}
PARTS = {
    **{part: partial(take_turns, contestants) for part, (_, contestants) in TABLES.items()},
    "loaders": lambda limit, seeds: loader_ratios(2 * seeds, limit),
}


def machine_here():
    "What the seconds of a part hold for: each has its own, since `--only` may measure one part elsewhere"
    instructions = torch.backends.cpu.get_cpu_capability()  # bfloat16 is fast with some of them only
    return dict(versions(), threads=torch.get_num_threads(), system=platform.system(), instructions=instructions)


def main():
    "Run the benchmark and write its results."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="use only so many images, to see that everything runs")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="measure these, keep the others")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where to write (default: in the package)")
    args = parser.parse_args()
    stored = args.out / "speed.json"
    result = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() and len(args.only) < len(PARTS) else {}
    for part in args.only:
        result.setdefault("machine", {})[part] = machine_here()
        result[part] = PARTS[part](args.limit, 10 if args.limit is None else 1)
    args.out.mkdir(parents=True, exist_ok=True)

    shown = {part: table(title, result[part]) for part, (title, _) in TABLES.items() if part in result}
    if "loaders" in result:
        shown["loaders"] = loader_table(result["loaders"])
    lines = [
        "# Benchmark",
        "Measured by `make bench`, all methods of a table taking turns in one run. Accuracy on the test images.",
    ]
    for part, text in shown.items():
        on = result["machine"][part]
        lines += [text, f"{on['threads']} threads, {on['machine']}, torch {on['torch']}."]
    text = "\n\n".join(lines)
    for name, content in [("speed.json", json.dumps(result, indent=1)), ("speed.md", text)]:
        part = args.out / f"{name}.part"
        part.write_text(content + "\n", encoding="utf-8")
        part.replace(args.out / name)
    print(text)


if __name__ == "__main__":
    main()
