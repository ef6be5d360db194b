"Training in several processes: one that is interrupted ends as if it had not been, and the command line; bad input."

import json
import os
import signal
import sys
from dataclasses import asdict, replace

import pytest
import torch
from accelerate.state import PartialState

from conftest import KILL, slow
from mnist_nb import scaling
from mnist_nb.cnn import MnistCNN, load_cnn
from mnist_nb.scaling import _main, train_distributed
from mnist_nb.speed import FAST, train_recipe

TINY = replace(FAST, seen=1_280, affine=True, weight_decay=0.1)  # ten steps


def assert_same(one, other):
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("change", [{}, dict(bfloat16=True), dict(muon=0.0, whiten=False, shape="cos")])
def test_interrupted_after_any_step_it_ends_with_the_same_weights(change, tmp_path, monkeypatch):
    recipe, path = replace(TINY, **change), tmp_path / "run.pt"
    whole, backward, steps = train_recipe(recipe, 3).model, scaling._divided_backward, []

    def unplugged(*args):
        steps.append(1)
        if len(steps) in (4, 8):  # for the second time in the step after that of the checkpoint
            raise KeyboardInterrupt
        backward(*args)

    monkeypatch.setattr(scaling, "_divided_backward", unplugged)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_distributed(recipe, 3, checkpoint=path, every=2)
    assert_same(train_distributed(recipe, 3, checkpoint=path, every=2).model, whole)
    assert len(steps) == 10 + 2 + 1 + 1 and torch.load(path)["starts"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def train_and_die_once(mark, victim, **how):
    "In one of two processes: the victim is killed in its sixth step, the first time"
    backward, steps = scaling._divided_backward, []

    def unplugged(run, team, loss, batch):
        steps.append(1)
        if len(steps) == 6 and team.process_index == victim and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), KILL)
        backward(run, team, loss, batch)

    scaling._divided_backward = unplugged
    return train_distributed(TINY, 3, **how).model, len(steps)


@pytest.mark.parametrize("victim", [1, slow(0)])
def test_a_killed_process_costs_what_was_done_since_the_last_checkpoint(victim, tmp_path):
    mark, path = tmp_path / "killed", tmp_path / "run.pt"
    model, steps = scaling.launch(2, train_and_die_once, mark, victim, checkpoint=path, every=2, restarts=1)
    assert mark.exists() and torch.load(path)["starts"] == 2
    assert steps == 10 - 4  # both did the fifth step, so the first had stored the fourth: one step is done twice
    whole = train_recipe(TINY, 3).model  # sums in another order
    assert all(torch.allclose(p, q, atol=0.01) for p, q in zip(model.parameters(), whole.parameters(), strict=True))


def test_the_command_line_trains_and_says_what_came_out(tmp_path, capsys):
    _main(["FAST", "--seen", "1280", "--seed", "3", "--weights", str(tmp_path / "mine.safetensors")])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said.items() >= dict(recipe="FAST", seed=3, seen=1280, processes=1).items()
    assert 5_000 < said["correct"] < 10_000 and 5_000 < said["held_out"] < 10_000 and said["seconds"] > 0
    assert_same(load_cnn(tmp_path / "mine.safetensors"), train_recipe(replace(FAST, seen=1280), 3).model)
    with pytest.raises(SystemExit):
        _main(["FASTER"])
    assert "'FASTER'" in capsys.readouterr().err


def test_without_accelerate_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "mnist_nb\[scaling\]"'):
        train_distributed(TINY)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    class Wider(MnistCNN):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = torch.nn.Linear(576, 64), torch.nn.Linear(64, 10)

    train_distributed(TINY, checkpoint=tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a.pt: expected a checkpoint of this training, got one with another network"):
        train_distributed(TINY, network=Wider, checkpoint=tmp_path / "a.pt")
    saved = torch.load(tmp_path / "a.pt")
    assert saved["task"].items() >= asdict(TINY).items() and saved["step"] == 10


@pytest.mark.parametrize("content", [{}, [1], {"task": {}}])
def test_a_file_that_is_no_checkpoint_is_named(content, tmp_path):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a.pt: expected a checkpoint of train_distributed, but it cannot be read"):
        train_distributed(TINY, checkpoint=tmp_path / "a.pt")


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="expected a GPU for each process, got 2 processes and 1 GPUs"):
        scaling._team("cuda")


def test_what_fails_in_a_process_is_said_in_one_sentence():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(RuntimeError, match="^process 0 of 1 failed: ValueError: expected 0 < batch_size <= seen"):
        scaling.launch(1, train_distributed, replace(TINY, seen=1))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_the_first_device_does_not_stay(monkeypatch):
    scaling._team("cpu")
    monkeypatch.setitem(PartialState._shared_state, "device", torch.device("meta"))
    assert scaling._team("cpu").device.type == "cpu"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--batch-size", "0"], "0 < batch_size"),
        (["--device", "tpu"], "device must be one of"),
        (["--seen", "64", "--batch-size", "65"], "batch_size <= seen"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_a_sentence(arguments, said):
    with pytest.raises(SystemExit, match=said):
        _main(["FAST", *arguments])
