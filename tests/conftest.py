"What the tests share: a thread for each worker, the longest tests first, work that is done once, a Chromium."

import os
import shutil
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch; two workers on a thread each are faster than one on two

import nbformat
import pytest
from filelock import FileLock

from run import ROOT

NOT_SOURCE = (".git", ".venv", "_docs*", "_proc", "_course", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
# What takes longest, for each of two workers; what uses the same site or the same server stays together.
FIRST = ("test_pages",), ("test_places", "test_notebooks.py::test_runs", "test_bench", "test_package")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    "Put the longest tests first: `worksteal` gives each of two workers one half, and lets it take from the other's end"
    heads = [[item for part in parts for item in items if part in item.nodeid] for parts in FIRST]
    rest = [item for item in items if not any(item in head for head in heads)]
    half = max(0, len(items) // 2 - len(heads[0]))
    items[:] = [*heads[0], *rest[:half], *heads[1], *rest[half:]]


def copy_source(folder):
    "Copy the working tree, without what is built from it, to the new folder `folder`"
    return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    "A function that gives the folder `name`, which `make(folder)` has filled in whichever worker asked first"
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name, make):
        folder, failure = base / name, base / f"{name}.failed"
        with FileLock(base / f"{name}.lock"):
            if failure.exists():
                pytest.fail(failure.read_text(encoding="utf-8"))
            if not (base / f"{name}.done").exists():
                failure.write_text(f"{name} could not be made in another test, which says why", encoding="utf-8")
                make(folder)
                failure.rename(base / f"{name}.done")
        return folder

    return once


@pytest.fixture
def notebook():
    "A function that writes a notebook with a title and one code cell for each source"

    def write(path, *sources, title="# Sample"):
        nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "python3"}})
        nb.cells = [nbformat.v4.new_markdown_cell(title), *map(nbformat.v4.new_code_cell, sources)]
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nb, path)
        return path

    return write


@pytest.fixture(scope="session")
def chromium(playwright):
    "The path of Chromium: $CHROME_PATH, the system's, or the one that Playwright has downloaded"
    found = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not Path(found or playwright.chromium.executable_path).is_file():
        pytest.skip(
            "Chromium is missing: apt-get install chromium (Debian), or python -m playwright install --with-deps "
            "chromium; CHROME_PATH names one elsewhere"
        )
    return found or playwright.chromium.executable_path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, chromium):
    "pytest-playwright's browser is that Chromium"
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}
