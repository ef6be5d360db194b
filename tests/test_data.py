"What a notebook cell cannot test of chapter 0: processes that are killed, that race, and a disk that refuses."

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_nb import data

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and users")
BUILD = (
    "import sys; from pathlib import Path; from mnist_nb.data import ensure_folder; "
    'ensure_folder(Path(sys.argv[1]), "mnist_sample")'
)


def start_build(folder):
    "Build `mnist_sample` in `folder` in a process of its own"
    return subprocess.Popen([sys.executable, "-c", BUILD, str(folder)], stderr=subprocess.PIPE, text=True)


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
    data.ensure_folder(tmp_path, "mnist_sample")
    assert is_whole(tmp_path)


def test_two_at_once(tmp_path):
    both = [start_build(tmp_path) for _ in range(2)]
    errors = [b.communicate(timeout=120)[1] for b in both]
    assert [b.returncode for b in both] == [0, 0], errors
    assert is_whole(tmp_path)


def test_disk_full_half_way(tmp_path, monkeypatch):
    opened = []

    def full_after_100(*args):
        opened.append(args)
        if len(opened) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open(*args)

    monkeypatch.setattr(data, "open", full_after_100, raising=False)
    with pytest.raises(OSError, match="Make room") as e:
        data.ensure_folder(tmp_path, "mnist_sample")
    assert e.value.errno == errno.ENOSPC
    assert {p.name for p in tmp_path.iterdir()} <= {".mnist_sample.lock"}, "something half-written stayed behind"
    monkeypatch.undo()
    data.ensure_folder(tmp_path, "mnist_sample")
    assert is_whole(tmp_path)


def test_missing_raw_files_are_not_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected train-images-idx3-ubyte .* in the folder") as e:
        data.ensure_folder(tmp_path / "new", "mnist_sample", source=str(tmp_path))
    assert "Make room" not in str(e.value)
    assert {p.name for p in (tmp_path / "new").iterdir()} <= {".mnist_sample.lock"}, "something half-written stayed"


def try_without_rights(folder, queue):
    "In a child process, as somebody who may not write: report the error"
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        data.ensure_folder(Path(folder), "mnist_sample")
    except Exception as e:
        queue.put((type(e).__name__, str(e)))
    else:
        queue.put(("nothing", ""))


@posix
def test_no_right_to_write(tmp_path):
    import filelock  # noqa: F401  imported before the rights are gone

    data.load_mnist()
    tmp_path.chmod(0o555)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=try_without_rights, args=(str(tmp_path), queue))
    child.start()
    name, message = queue.get(timeout=60)
    child.join()
    tmp_path.chmod(0o755)
    assert name == "PermissionError"
    assert "FASTAI_HOME" in message and str(tmp_path) in message


def test_what_is_there_is_left_alone(tmp_path):
    data.ensure_folder(tmp_path, "mnist_sample")
    theirs = tmp_path / "mnist_sample" / "train" / "3" / "7.png"
    theirs.write_bytes(b"not ours")
    data.ensure_folder(tmp_path, "mnist_sample")
    assert theirs.read_bytes() == b"not ours"


def test_unknown_data_set(tmp_path):
    with pytest.raises(ValueError, match="mnist_png, mnist_sample"):
        data.ensure_folder(tmp_path, "cifar")
