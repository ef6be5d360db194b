"What a notebook cell cannot test of the data: processes that are killed or race, a disk that refuses, every training."

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mnist_nb import cnn, data, results, speed
from mnist_nb.settings import Settings

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and users")
BUILD = "from pathlib import Path; from mnist_nb.data import _ensure_folder; _ensure_folder(Path({!r}), 'mnist_sample')"


def start_build(folder):
    "Build `mnist_sample` in `folder` in a process of its own"
    return subprocess.Popen([sys.executable, "-c", BUILD.format(str(folder))], stderr=subprocess.PIPE, text=True)


def pictures(folder):
    return sum(1 for _ in folder.rglob("*.png"))


def is_whole(folder):
    "Is there a whole `mnist_sample` in `folder`, and nothing half-written beside it?"
    left = {p.name for p in folder.iterdir()} - {".mnist_sample.lock"}
    return left == {"mnist_sample"} and pictures(folder) == 14_434 and (folder / "mnist_sample" / "labels.csv").exists()


@posix
def test_killed_half_way(tmp_path):
    build = start_build(tmp_path)
    deadline = time.monotonic() + 60
    while pictures(tmp_path) < 500 and time.monotonic() < deadline:
        time.sleep(0.01)
    build.send_signal(signal.SIGKILL)
    build.wait()
    assert 500 <= pictures(tmp_path) < 14_434, "the build was to be killed half-way"
    assert not (tmp_path / "mnist_sample").exists(), "a half-written folder has the final name"
    data._ensure_folder(tmp_path, "mnist_sample")
    assert is_whole(tmp_path)
    theirs = tmp_path / "mnist_sample" / "train" / "3" / "7.png"
    theirs.write_bytes(b"not ours")
    data._ensure_folder(tmp_path, "mnist_sample")
    assert theirs.read_bytes() == b"not ours", "what is there is left alone"


def test_two_at_once(tmp_path):
    both = [start_build(tmp_path) for _ in range(2)]
    errors = [b.communicate(timeout=120)[1] for b in both]
    assert [b.returncode for b in both] == [0, 0], errors
    assert is_whole(tmp_path)


def test_disk_full_half_way(tmp_path, monkeypatch):
    room = iter(range(100))

    def full_after_100(*args):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open(*args)

    monkeypatch.setattr(data, "open", full_after_100, raising=False)
    with pytest.raises(OSError, match="Make room") as e:
        data._ensure_folder(tmp_path, "mnist_sample")
    assert e.value.errno == errno.ENOSPC
    assert {p.name for p in tmp_path.iterdir()} <= {".mnist_sample.lock"}, "something half-written stayed behind"
    monkeypatch.undo()
    data._ensure_folder(tmp_path, "mnist_sample")
    assert is_whole(tmp_path)


def become_nobody():
    if os.geteuid() == 0:
        os.seteuid(65534)


@posix
def test_no_right_to_write(tmp_path):
    import filelock  # noqa: F401  imported before the rights are gone

    data.load_mnist()
    tmp_path.chmod(0o555)
    pool = multiprocessing.get_context("fork").Pool(1, become_nobody)
    with pool, pytest.raises(PermissionError, match="FASTAI_HOME") as e:
        pool.apply_async(data._ensure_folder, (tmp_path, "mnist_sample")).get(60)
    tmp_path.chmod(0o755)
    assert str(tmp_path) in str(e.value)


def test_unknown_data_set_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="mnist_png, mnist_sample"):
        data.prepare_fastai_folders(("cifar",))
    with pytest.raises(ValueError, match="mnist_png, mnist_sample"):
        data._ensure_folder(tmp_path / "data", "cifar")
    assert not any(tmp_path.iterdir())


# --- the held-out images ---------------------------------------------------------------------------------------------

TRAININGS = {
    "train_cnn": lambda seed: cnn.train_cnn(Settings(seed=seed, device="cpu")),
    "train_recipe": lambda seed: speed.train_recipe(speed.FAST, seed),
    **{name: method.train for name, method in results.METHODS.items() if name.startswith(("cnn", "vote"))},
}


class Caught(Exception):
    "The images that a training was about to learn from, and those that it was to be judged by, if any"


@pytest.mark.parametrize("name", TRAININGS)
def test_no_seed_moves_the_held_out_images(name, monkeypatch):
    def learner(dls, *args, **kwargs):
        raise Caught(dls.train.dataset.items["image"], dls.valid.dataset.items["image"])

    def inputs(images, recipe):
        raise Caught(images, None)

    monkeypatch.setattr("fastai.learner.Learner", learner)
    monkeypatch.setattr(speed, "as_input", inputs)
    images, _ = data.load_mnist()
    learned, held_out = data.holdout_split()
    for seed in (0, 1):
        with pytest.raises(Caught) as caught:
            TRAININGS[name](seed)
        train, valid = caught.value.args
        assert np.array_equal(train, images[learned])
        assert valid is None or np.array_equal(valid, images[held_out])
    assert name not in results.METHODS or not results.METHODS[name].saw_held_out
