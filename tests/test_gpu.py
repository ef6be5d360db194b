"What a cell checks on a CPU, on CUDA: `pytest -m gpu`. Of MPS only what can be tried without one."

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import bench
from mnist_nb.cnn import load_cnn, pick_device, predict_probs, train_cnn
from mnist_nb.data import load_mnist
from mnist_nb.learning import fit
from mnist_nb.photos import Teaching, teach
from mnist_nb.results import course_network, load_or_run, prediction_interval, run_method, vote
from mnist_nb.scaling import batch_gradient, train_distributed
from mnist_nb.settings import Settings
from mnist_nb.speed import (
    FAST,
    _begin,
    as_input,
    batch_loss,
    bfloat16_autocast,
    random_affine,
    shifted_probs,
    train_recipe,
)

TINY = replace(FAST, seen=12_800, affine=True)
IMAGES, LABELS = load_mnist("test")
LESSONS = IMAGES[:200], LABELS[:200].astype(int), 255 - IMAGES[:200]  # digits, their labels, strangers
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU by NVIDIA here: run it where there is one")


def share(trained, device):
    answers = predict_probs(trained.model, IMAGES, trained.prepare, device=device).argmax(1)
    return (answers == LABELS).mean()


@cuda
@pytest.mark.gpu
def test_both_devices_start_alike_and_compute_the_same_gradient():
    there, here = (_begin(TINY, 7, load_cnn, torch.device(name)) for name in ("cuda", "cpu"))
    assert all(torch.equal(p.cpu(), q) for p, q in zip(there.model.parameters(), here.model.parameters(), strict=True))
    assert torch.equal(there.order.cpu(), here.order)
    one, other = (batch_gradient(replace(TINY, affine=False), 7, device=name) for name in ("cuda", "cpu"))
    assert np.abs(one - other).max() < 0.01 * np.abs(other).max()  # a GPU may keep ten bits of each factor


@cuda
@pytest.mark.gpu
@pytest.mark.parametrize("predict", [predict_probs, shifted_probs])
def test_both_devices_give_the_same_probabilities(predict):
    one, other = (predict(load_cnn(), IMAGES[:500], device=name) for name in ("cuda", "cpu"))
    assert np.abs(one - other).max() < 0.01


@cuda
@pytest.mark.gpu
@pytest.mark.parametrize("change", [{}, dict(bfloat16=True), dict(whiten=False, muon=0.0, channels_last=False)])
def test_recipes_train_there(change):
    assert share(train_recipe(replace(TINY, **change), device="cuda"), "cuda") > 0.9


@cuda
@pytest.mark.gpu
def test_fast_ends_where_one_more_run_is_expected(tmp_path):
    low, high = prediction_interval([run["correct"] / 10_000 for run in load_or_run("cnn_fast")])
    shares = [share(train_recipe(FAST, seed, device="cuda"), "cuda") for seed in range(5)]
    assert low < np.median(shares) < high
    trained = train_distributed(FAST, device="cuda", checkpoint=tmp_path / "run.pt")
    again = train_distributed(FAST, device="cuda", checkpoint=tmp_path / "run.pt")
    assert share(trained, "cpu") > 0.98 and share(again, "cpu") == share(trained, "cpu")


@cuda
@pytest.mark.gpu
def test_the_network_of_chapter_4_trains_there():
    trained = train_cnn(Settings(epochs=1), n_train=10_000, show=False, device="cuda")
    assert share(trained, None) > 0.9


@cuda
@pytest.mark.gpu
def test_a_layer_is_fitted_where_it_is():
    x, y = torch.tensor(IMAGES).flatten(1).float().cuda() / 255, torch.tensor(LABELS).long().cuda()
    history = fit(torch.nn.Linear(784, 10).cuda(), x, y, valid=(x, y))
    assert history["accuracy"].iloc[-1] > 0.85


@cuda
@pytest.mark.gpu
def test_methods_and_lessons_run_there():
    run, fitted = run_method("cnn_one_epoch", 0, "cuda")
    assert run["correct"] > 9_700 and next(fitted.model.parameters()).is_cuda
    assert (vote(TINY, 2)(0, "cuda").predict(IMAGES[:500]) == LABELS[:500]).mean() > 0.9
    taught = teach(LESSONS, Teaching(seen=1280), device="cuda")
    assert (predict_probs(taught, IMAGES[:500]).argmax(1) == LABELS[:500]).mean() > 0.9


@cuda
@pytest.mark.gpu
def test_the_race_runs_there(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "--limit", "256", "--out", str(tmp_path), "--device", "cuda", "race"])
    bench.main()
    race = json.loads((tmp_path / "race-cuda.json").read_text(encoding="utf8"))
    assert race["machine"]["device"] == torch.cuda.get_device_name()
    assert all(len(row["correct"]) == 1 for row in race["runs"].values())


@cuda
@pytest.mark.gpu
def test_runs_of_a_gpu_are_kept_apart(tmp_path):
    [run] = load_or_run("cnn_fast", (0,), tmp_path, device="cuda")
    assert run["versions"]["device"] == torch.cuda.get_device_name()
    assert run["correct"] > 9_850
    assert [file.name for file in tmp_path.iterdir()] == ["cnn_fast-cuda.json"]


ALL = {  # whatever trains or predicts takes a device
    "predict_probs": partial(predict_probs, load_cnn(), IMAGES[:1]),
    "shifted_probs": partial(shifted_probs, load_cnn(), IMAGES[:1]),
    "train_cnn": partial(train_cnn, show=False),
    "train_recipe": partial(train_recipe, TINY),
    "train_distributed": partial(train_distributed, TINY),
    "batch_gradient": partial(batch_gradient, TINY),
    "run_method": partial(run_method, "cnn_fast"),
    "run_method, without a network": partial(run_method, "template_mse"),
    "load_or_run": partial(load_or_run, "cnn_fast", (0,)),
    "course_network": partial(course_network, 0),
    "vote": partial(vote(TINY), 0),
    "teach": partial(teach, LESSONS),
}


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize(
    "name, there", [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
)
def test_a_device_that_is_missing_is_named(name, there, call):
    if there:
        pytest.skip(f"{name} is here")
    with pytest.raises(RuntimeError, match=f"'{name}' is not available here"):
        ALL[call](device=name)


@pytest.mark.filterwarnings("ignore:.*autocast")
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_what_a_gpu_is_asked_for_can_be_asked(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device(name) == torch.device(name) and callable(getattr(torch, name).synchronize)
    monkeypatch.undo()
    assert bfloat16_autocast(name).device == name


def test_nothing_is_left_on_the_cpu_and_the_layout_in_memory_stays():
    model, x, y = (each.to("meta") for each in (load_cnn(), as_input(IMAGES[:9], TINY), torch.tensor(LABELS[:9])))
    moved = random_affine(x, torch.Generator())
    assert moved.device.type == "meta" and moved.is_contiguous(memory_format=torch.channels_last)
    assert batch_loss(model, moved, y.long(), TINY).device.type == "meta"
