"""Time our recipes against their peers, taking turns: `make bench`, or `python tools/bench.py PART ...`.

The peers are written from their descriptions:

tutorial   the tutorial's pipeline: fastai `DataBlock` over 60,000 PNG files, batch 64, fine_tune(1)
example    PyTorch's MNIST example: conv 32 and 64, dropout, 9216 → 128 → 10, Adadelta, batch 64, rate × 0.7 an epoch;
           stopped after the first epoch with at least 99% on the test images
published  train_mnist_fast by Tuomas Oikarinen: conv 24 and 32, 800 → 256 → 10, Adam with one cycle over one epoch of
           60,000 images in the order of the file, batch 256
equipped   the same with what we give ourselves: channels last, and Adam over all weights in one fused call

All but tutorial find their images in memory. The time is that of training: data at rest in memory (for tutorial: at
rest on the disk) and evaluation are left out. Each part goes into a file of its own in mnist_nb/assets/benchmarks/
after every turn of all its contestants, and takes up to half an hour on two cores. A part that was stopped goes on
where it stopped, if machine and contestants are the same. --minutes 10 stops it by itself; --anew measures it from the
start. --device cuda runs the race on a GPU, into a file of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import fastai.vision.all as fastai
import torch
from torch import nn

from mnist_nb import cnn, scaling, speed
from mnist_nb.cnn import MnistCNN, as_batch, load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist, prepare_fastai_folders
from mnist_nb.loaders import adam, as_rows, holdout_splitter, memory_dataloaders
from mnist_nb.results import write_results
from mnist_nb.settings import Settings
from mnist_nb.speed import ACCURATE, FAST, FURTHER, ONE_EPOCH, Recipe, bfloat16_autocast, train_recipe
from mnist_nb.workers import repeat

OUT = Path(__file__).resolve().parents[1] / "mnist_nb" / "assets" / "benchmarks"


def count_correct(model, limit, prepare=as_batch):
    "How many test images a network gets right"
    images, labels = (a[:limit] for a in load_mnist("test"))
    return int((predict_probs(model, images, prepare).argmax(1) == labels).sum())


def epoch(model, optimiser, x, y, batches, after_step=lambda: None, precision=nullcontext):
    "One epoch of a textbook loop; returns its seconds"
    synchronize = getattr(torch, x.device.type).synchronize  # a GPU is done later than the call returns
    synchronize()
    start = time.perf_counter()
    for batch in batches:
        optimiser.zero_grad()
        with precision(x.device.type):
            scores = model(x[batch])
        nn.functional.cross_entropy(scores.float(), y[batch]).backward()
        optimiser.step()
        after_step()
    synchronize()
    return time.perf_counter() - start


def in_memory(limit, part=slice(None), device="cpu"):
    "Training images, normalised, and their labels as tensors"
    images, labels = (a[part][:limit] for a in load_mnist("train"))
    return as_batch(images).to(device), torch.tensor(labels, dtype=torch.long, device=device)


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
        seconds += epoch(model, optimiser, x, y, torch.randperm(len(x)).split(64))
        schedule.step()
        if (correct := count_correct(model, limit)) >= 9_900:
            break
    return seconds, correct


def published(seed, limit, device="cpu", layout=torch.contiguous_format, precision=nullcontext, **adam):
    "train_mnist_fast, as it is or with another memory layout, precision or form of Adam"
    torch.manual_seed(seed)
    x, y = in_memory(limit, device=device)
    model = nn.Sequential(
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10)),
    ).to(device, memory_format=layout)
    x = x.contiguous(memory_format=layout)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9), **adam)
    batches = [slice(i, i + 256) for i in range(0, len(x), 256)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=len(batches) + 1, cycle_momentum=False)
    return epoch(model, optimiser, x, y, batches, schedule.step, precision), count_correct(model, limit)


equipped = partial(published, layout=torch.channels_last, fused=True)


def ours(recipe, seed, limit, device="cpu", network=MnistCNN, **idea):
    "A recipe of ours, with an idea on trial in place of a function of chapter 7. Its answers are float32"
    with patch.multiple(speed, **idea) if idea else nullcontext():
        trained = train_recipe(replace(recipe, seen=min(recipe.seen, limit or recipe.seen)), seed, network, device)
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
        splitter=fastai.GrandparentSplitter("training", "testing") if tutorial else holdout_splitter(),
        get_y=fastai.parent_label,
        batch_tfms=fastai.Normalize() if tutorial else fastai.Normalize.from_stats([cnn.MEAN], [cnn.STD]),
    )
    return block.dataloaders(path, bs=batch_size)


def from_memory(batch_size, limit, tutorial=False):
    "The same images from memory"
    dls = memory_dataloaders(Settings(device="cpu", batch_size=batch_size), 0 if tutorial else 10_000, limit)
    test = as_rows(*(a[:limit] for a in load_mnist("test")))
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
    dls = fastai.DataLoaders(source(64, limit).train, [])  # nothing to validate on
    # fastai would let the momentum fall and rise, too; the bare loop does not
    seconds, learn = fit(dls, MnistCNN(), lambda learn: learn.fit_one_cycle(1, 0.005, moms=[0.9] * 3), opt_func=adam)
    return seconds, count_correct(learn.model, limit)


def started(how):
    "`MnistCNN` with other weights to start from"
    model = MnistCNN()
    for layer in (model.conv2, model.conv3):
        how(layer.weight)
    return model


class Averaged(torch.optim.SGD):
    "Takes no step; when the last one is done, a running mean of the weights takes their place"

    def __init__(self, model, steps, share):
        super().__init__([p for p in model.parameters() if p.requires_grad])
        self.left, self.share, self.weights = steps, share, self.param_groups[0]["params"]

    @torch.no_grad()
    def step(self):
        self.mean = torch._foreach_lerp(getattr(self, "mean", self.weights), self.weights, self.share)
        self.left -= 1
        if not self.left:
            torch._foreach_copy_(self.weights, self.mean)


def averaging(model, recipe, share=0.1):
    "The optimisers of a recipe, and a mean over the last 1/share steps or so"
    return [*make_optimisers(model, recipe), Averaged(model, recipe.seen // recipe.batch_size, share)]


def left_as_it_is(model, x):
    "The first layer stays random"
    model.conv1.requires_grad_(False)


def trained_on(model, x):
    "The first layer starts from what is computed, and learns"
    whiten_first_layer(model, x)
    model.conv1.requires_grad_(True)


def uncertain_half(model, x, y, recipe):
    "Twice as many images forward, and only the half with the larger losses backward"
    with torch.no_grad():
        losses = nn.functional.cross_entropy(speed.pooled_first(model, x), y, reduction="none")
    kept = losses.topk(len(x) // 2).indices
    return batch_loss(model, x[kept], y[kept], recipe)


def growing(recipe, n, rng):
    "Batches that grow from half to one and a half times the size of the recipe"
    order, sizes = torch.randperm(n, generator=rng)[: recipe.seen], []
    while sum(sizes) < recipe.seen:
        sizes.append(int(recipe.batch_size * (0.5 + sum(sizes) / recipe.seen)))
    return order.split([*sizes[:-1], recipe.seen - sum(sizes[:-1])])


def elastic(x, rng, alpha=17.0, sigma=4):
    "After the affine map, a smooth field of shifts, half as strong as that of Simard, Steinkraus and Platt (2003)"
    x = random_affine(x, rng)
    n, _, h, w = x.shape
    bell = torch.exp(-(torch.arange(-3.0 * sigma, 3 * sigma + 1) ** 2) / (2 * sigma**2))
    bell = bell / bell.sum()
    field = torch.rand(2 * n, 1, h, w, generator=rng) * 2 - 1
    field = nn.functional.conv2d(field, bell.view(1, 1, 1, -1), padding="same")
    field = nn.functional.conv2d(field, bell.view(1, 1, -1, 1), padding="same")
    shifts = field.view(n, 2, h, w).permute(0, 2, 3, 1) * alpha * 2 / torch.tensor([w, h])
    grid = nn.functional.affine_grid(torch.eye(2, 3).expand(n, 2, 3), (n, 1, h, w), align_corners=False) + shifts
    moved = nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def distilled(model, x, y, recipe, heat=3.0):
    "Half of the loss from the network that ships: its mean scores for five looks, softened (Hinton and others 2015)"
    if "teacher" not in vars(model):  # beside the network, not one of its layers
        vars(model)["teacher"] = load_cnn().to(memory_format=torch.channels_last)
    with torch.no_grad(), bfloat16_autocast():
        looks = [vars(model)["teacher"](x.roll(by, (2, 3))) for by in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    with bfloat16_autocast():
        scores = speed.pooled_first(model, x).float()
    soft = nn.functional.cross_entropy(scores / heat, (sum(looks).float() / (5 * heat)).softmax(1)) * heat**2
    return (nn.functional.cross_entropy(scores, y, label_smoothing=recipe.label_smoothing) + soft) / 2


def compiled(seed, limit):
    "torch.compile, its start-up counted"
    from torch._inductor import config

    torch.compiler.reset()
    with config.patch(force_disable_caches=True):
        return ours(FAST, seed, limit, pooled_first=torch.compile(speed.pooled_first))


def by_command(processes, seed, limit, seen=FAST.seen, batch_size=FAST.batch_size, threads=1, copies=1, start=False):
    "FAST as a reader starts it, in processes of its own, once or several times at once; `start` times only their start"
    torchrun = ["torch.distributed.run", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    command = [sys.executable, "-m", *torchrun, "mnist_nb.scaling", "FAST", "--batch-size", str(batch_size)]
    command += ["--seen", str(seen if limit is None else max(limit, batch_size))]
    usual = dict(stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    begun = time.time()
    runs = [subprocess.Popen([*command, "--seed", str(seed + 100 * k)], **usual) for k in range(copies)]
    told = [run.communicate()[0].splitlines() for run in runs]
    if any(run.returncode for run in runs):
        raise RuntimeError(f"{' '.join(command)} failed; what it says of that is above")
    said = [json.loads(lines[-1]) for lines in told]
    seconds = [run["ended"] - run["seconds"] - begun if start else run["seconds"] for run in said]
    return max(seconds), said[0]["correct"]


# Ideas on trial take the place of these while they are tried.
batch_loss, make_optimisers, whiten_first_layer = speed.batch_loss, speed.make_optimisers, speed.whiten_first_layer
random_affine = speed.random_affine
# The tutorial's way, then one cost less at each step
USUAL = dict(betas=(0.9, 0.999), label_smoothing=0.0, pool_first=False, warm_up=0.25, shape="cos")
PLAIN = Recipe(50_000, batch_size=64, learning_rate=0.005, channels_last=False, **USUAL)
LARGER = replace(PLAIN, batch_size=128, learning_rate=0.01)
BEFORE = Recipe(50_000, crop=2)
SIX = replace(ACCURATE, seen=300_000)  # the accurate recipe in six epochs
TABLES = {  # who takes turns: a recipe, or a function (seed, limit) -> (seconds of training, correct answers)
    "race": {
        **{"ours, 99.0%": FAST, "ours, one epoch": ONE_EPOCH, "ours, 99.3%": FURTHER},
        **{"published": published, "equipped": equipped},
        "ours, 99.0%, bfloat16": replace(FAST, bfloat16=True),
        "equipped, bfloat16": partial(equipped, precision=bfloat16_autocast),
    },
    "slow": {"ours, 99.0%": FAST, "example": example, "tutorial": tutorial},
    "steps": {
        "the tutorial": tutorial,
        "one pass, 50,000": partial(learner, from_files),
        "from memory": partial(learner, from_memory),
        "a bare loop": PLAIN,
        "batches of 128": LARGER,
        "channels last": replace(LARGER, channels_last=True),
        "cut to 24×24": replace(LARGER, channels_last=True, crop=2),
        "pool first, smoothing, betas": BEFORE,
        "first layer computed": replace(BEFORE, whiten=True),
        "evened-out steps": ONE_EPOCH,
        "fewer images": FAST,
    },
    "ablation": {
        "one epoch": ONE_EPOCH,
        "without the crop": replace(ONE_EPOCH, crop=0),
        "ReLU before max-pool": replace(ONE_EPOCH, pool_first=False),
        "channels first": replace(ONE_EPOCH, channels_last=False),
        "first layer learned": replace(ONE_EPOCH, whiten=False),
        "Adam everywhere": replace(ONE_EPOCH, muon=0.0),
        "no label smoothing": replace(ONE_EPOCH, label_smoothing=0.0),
        "Adam's usual betas": replace(ONE_EPOCH, betas=(0.9, 0.999)),
        "rate along a cosine": replace(ONE_EPOCH, shape="cos", warm_up=0.25),
    },
    "ideas": {
        "ours, 99.0%": FAST,
        "orthogonal start": partial(ours, FAST, network=partial(started, nn.init.orthogonal_)),
        "Dirac start": partial(ours, FAST, network=partial(started, nn.init.dirac_)),
        "rates half as large again": replace(FAST, learning_rate=1.5 * FAST.learning_rate, muon=1.5 * FAST.muon),
        "batches of 256": replace(FAST, batch_size=256),
        "growing batches": partial(ours, FAST, _order=growing),
        "only the less certain half": partial(ours, replace(FAST, batch_size=256), batch_loss=uncertain_half),
        "last weights averaged": partial(ours, FAST, make_optimisers=averaging),
        "computed layer trained on": partial(ours, FAST, whiten_first_layer=trained_on),
        "random layer left as it is": partial(ours, FAST, whiten_first_layer=left_as_it_is),
        "torch.compile": compiled,
    },
    "accuracy": {
        "six epochs": SIX,
        "weights averaged over an epoch": partial(ours, SIX, make_optimisers=partial(averaging, share=128 / 50_000)),
        "elastic besides affine": partial(ours, SIX, random_affine=elastic),
        "half distilled": partial(ours, SIX, batch_loss=distilled),
    },
    "scaling": {
        "one process": partial(by_command, 1),
        "two processes": partial(by_command, 2),
        "one process, two threads": partial(by_command, 1, threads=2),
        "two runs at once": partial(by_command, 1, copies=2),
        "one process, batches of 512": partial(by_command, 1, batch_size=512),
        "two processes, batches of 512": partial(by_command, 2, batch_size=512),
        "one process, 48,000 images": partial(by_command, 1, seen=48_000),
        "start of one process": partial(by_command, 1, seen=FAST.batch_size, start=True),
        "start of two processes": partial(by_command, 2, seen=FAST.batch_size, start=True),
    },
}
SEEDS = dict(race=10, slow=1, steps=5, ablation=10, ideas=10, accuracy=5, scaling=5)
FEWER = {"the tutorial": 2, "one pass, 50,000": 2, "torch.compile": 2}  # seeds of what takes long


UNTIMED = {"accuracy"}  # only the answers count: one run on each core


def run_one(name, contestant, seed, limit, where):
    "Seconds and correct answers of one contestant"
    run = partial(ours, contestant) if isinstance(contestant, Recipe) else contestant
    return run(seed, limit, **where)


def take_turns(part, limit, out, stored, minutes=None, **where):
    "Run everybody with seed 0, then everybody with seed 1, and so on, while there is time for a turn; store each turn"
    # Where times are compared, each run has the machine to itself: side by side they would slow one another.
    how = dict(n_jobs=-1) if part in UNTIMED else dict(n_jobs=1, threads=torch.get_num_threads())
    runs = stored.setdefault("runs", {name: dict(seconds=[], correct=[]) for name in TABLES[part]})
    seeds = SEEDS[part] if limit is None else 1
    left = range(max(len(r["seconds"]) for r in runs.values()), seeds)
    if left:
        # Not timed: whatever trains first in a process takes longer
        train_recipe(Recipe(seen=limit or 12_800), **where)
    longest, begun = 0.0, time.perf_counter()
    for seed in left:
        start = time.perf_counter()
        if minutes and start + longest > begun + 60 * minutes:
            print(f"{part}: the time is up before seed {seed}; the same command goes on from there")
            break
        turn = [(name, c, seed, limit, where) for name, c in TABLES[part].items() if seed < FEWER.get(name, seeds)]
        for (name, *_), (seconds, correct) in repeat(run_one, turn, **how):
            print(f"seed {seed}  {name:30} {seconds:6.1f} s  {correct:,} correct", flush=True)
            runs[name]["seconds"].append(round(seconds, 3))
            runs[name]["correct"].append(correct)
        write_results(stored, out)
        longest = max(longest, time.perf_counter() - start)


WAYS = {"batches of 64": (64, torch.contiguous_format), "batches of 128, channels last": (128, torch.channels_last)}


def loader_ratios(limit, out, stored):
    """Seconds of 25,000 images through a bare loop and through `Learner` in memory, in many short turns, since what
    else a machine does would blur a ratio of a few long ones; and of whole epochs from memory and from files: those of
    the course, and the 60,000 of the tutorial with its optimiser."""
    part, turns = (25_000, 12) if limit is None else (limit, 2)
    x, y = in_memory(part, holdout_split()[0])
    few = {size: memory_dataloaders(Settings(device="cpu", batch_size=size), 0, part) for size, _ in WAYS.values()}
    # What serves a whole epoch, the memory layout of the network and the optimiser.
    epochs = {
        **{f"memory, {key}": (from_memory(size, limit), layout, adam) for key, (size, layout) in WAYS.items()},
        **{f"files, {key}": (from_files(size, limit), layout, adam) for key, (size, layout) in WAYS.items()},
        "the tutorial's 60,000 files": (from_files(64, limit, tutorial=True), torch.contiguous_format, fastai.Adam),
        "the same 60,000 from memory": (from_memory(128, limit, tutorial=True), torch.channels_last, adam),
    }

    def learn(dls, layout, opt_func):
        model = MnistCNN().to(memory_format=layout)
        return fit(dls, model, lambda learn: learn.fit(1, 0.001), opt_func=opt_func)[0]

    short, whole = defaultdict(list), defaultdict(list)
    for _ in range(turns):
        for key, (size, layout) in WAYS.items():
            model = MnistCNN().to(memory_format=layout)
            optimiser = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
            short[f"bare, {key}"].append(epoch(model, optimiser, x, y, torch.randperm(len(x)).split(size)))
            short[f"Learner, {key}"].append(learn(few[size], layout, adam))
    for _ in range(min(turns, 3)):
        for way, setting in epochs.items():
            whole[way].append(learn(*setting))
    write_results(stored | dict(part=part, seconds=short, epochs=whole), out)


def all_reduce(limit, out, stored):
    "Seconds that two processes take to average what they hold"
    numbers = [1_000, 10_000, 98_282, 300_000, 1_000_000, 3_000_000] if limit is None else [limit]
    seconds = scaling.launch(2, scaling.time_all_reduce, numbers, repeats=200 if limit is None else 2)
    write_results(stored | dict(numbers=numbers, seconds=seconds), out)


def main():
    "Measure the parts that are asked for, or all."
    others = dict(loaders=loader_ratios, all_reduce=all_reduce)
    parts = [*TABLES, *others]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure (default: all): {', '.join(parts)}")
    parser.add_argument("--anew", action="store_true", help="from the start, although a part is there")
    parser.add_argument("--minutes", type=float, help="begin no turn of a part that would end after so many minutes")
    parser.add_argument("--device", default="cpu", help="where the race runs: cpu (the default), cuda or mps")
    parser.add_argument("--limit", type=int, help="use only so many images, to see that everything runs")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write (default: in the package)")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(parts):
        parser.error(f"PART must be one of {', '.join(parts)}, got {', '.join(sorted(unknown))}")
    if args.device != "cpu" and args.parts != ["race"]:
        parser.error(f"with --device, PART must be race, got {', '.join(args.parts) or 'none'}")
    try:
        device = cnn.pick_device(args.device).type
    except (ValueError, RuntimeError) as error:
        sys.exit(str(error))
    elsewhere = dict(device=device) if device != "cpu" else {}
    args.out.mkdir(parents=True, exist_ok=True)
    # What the seconds hold for. bfloat16 is fast with some instructions only.
    machine = dict(cnn.versions(device), system=platform.system())
    machine["instructions"] = torch.backends.cpu.get_cpu_capability()
    for part in args.parts or parts:
        out = args.out / f"{'-'.join([part, *elsewhere.values()])}.json"
        # A recipe is stored with its part: another one is another contestant.
        recipes = {name: asdict(c) for name, c in TABLES.get(part, {}).items() if isinstance(c, Recipe)}
        threads = 1 if part in UNTIMED else torch.get_num_threads()
        new = dict(machine=dict(machine, threads=threads), images=args.limit or 10_000, recipes=recipes)
        new = json.loads(json.dumps(new))
        stored = json.loads(out.read_text(encoding="utf-8")) if out.is_file() and not args.anew else {}
        same = all(stored.get(key) == value for key, value in new.items())
        same = same and [*stored.get("runs", {})] == [*TABLES.get(part, {})]
        if part in TABLES:
            take_turns(part, args.limit, out, stored if same else new, args.minutes, **elsewhere)
        elif not (same and "seconds" in stored):
            others[part](args.limit, out, new)


if __name__ == "__main__":
    main()
