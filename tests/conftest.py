"What the tests share: a thread for each worker, the longest tests first, work that is done once, a Chromium."

import io
import os
import shutil
import signal
import subprocess
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch; two workers on a thread each are faster than one on two

import nbformat.v4 as nbf
import pytest
from filelock import FileLock
from PIL import Image

from run import ROOT

NOT_SOURCE = (".git", ".venv", "_docs*", "_proc", "_course", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # what no program can catch, where there is such a signal
# What takes longest
FIRST = ("test_runs[09", "test_runs[06", "test_pages", "test_places", "test_runs", "test_bench", "test_package")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    "The longest tests come first; then the workers end together, as one takes tests from the other's end"
    items.sort(key=lambda item: next((place for place, part in enumerate(FIRST) if part in item.nodeid), len(FIRST)))


def slow(*values):
    "Parameters that `make test` leaves out"
    return pytest.param(*values, marks=pytest.mark.slow)


def copy_source(folder):
    "Copy the working tree, without what is built from it, to the new folder `folder`"
    return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)


def saved(picture, kind="png", **options):
    "A picture, or an array of one, as the content of a file"
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    return file.getvalue()


def write_notebook(path, *sources, title="# Sample"):
    "Write a notebook with a title and one code cell for each source"
    nb = nbf.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "python3"}})
    nb.cells = [nbf.new_markdown_cell(title), *map(nbf.new_code_cell, sources)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbf.writes(nb), encoding="utf-8")
    return path


def printed(text, name="stdout"):
    return nbf.new_output("stream", text=text, name=name)


def shown(text, kind="text/html"):
    return nbf.new_output("display_data", data={kind: text, "text/plain": text})


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    "A function that gives the folder `name`, which `make(folder)` has filled in whichever worker asked first"
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name, make):
        done, failed = base / f"{name}.done", base / f"{name}.failed"
        with FileLock(base / f"{name}.lock"):
            assert not failed.exists(), f"{name} could not be made; another test says why"
            if not done.exists():
                failed.touch()
                make(base / name)
                failed.rename(done)
        return base / name

    return once


@pytest.fixture(scope="session")
def repository(shared):
    "A git repository of the working tree, without what is built from it"

    def make(folder):
        copy_source(folder)
        for command in ("init -q", "add --all", "-c user.name=a -c user.email=a commit -q --no-verify -m tree"):
            subprocess.run(["git", "-C", folder, *command.split()], check=True)

    return shared("repository", make)


@pytest.fixture(scope="session")
def chromium(playwright):
    "The path of Chromium: $CHROME_PATH, the system's, or the one that Playwright has downloaded"
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)
    if not Path(found := found or playwright.chromium.executable_path).is_file():
        pytest.skip("Chromium is missing: apt-get install chromium (Debian), or python -m playwright install chromium")
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, chromium):
    "pytest-playwright's browser is that Chromium"
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}
