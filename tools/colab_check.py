"""Run chapters as Colab does: where torch and fastai are installed, our library is not, and the folder is empty.

python tools/colab_check.py [--all] [NOTEBOOK ...]

Each notebook gets an environment of its own. It holds the distributions that fastai, torch and Jupyter's kernel need,
as hard links to the ones installed here, so that nothing big is downloaded or copied. The notebook is the only file in
its folder, and every cell of it is run as it stands, the installing cell too: git is told to fetch the repository's
address from a local repository made of the working tree, and pip builds and installs the wheel from there. What was
installed before must be there unchanged afterwards, and `pip check` must be content before and after.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbdev.config import get_config
from packaging.requirements import Requirement

from notebooks import ROOT, copy_source
from places import clocked, command_line, run_problems

QUICK = ("04_evaluation",)
# Colab brings ipywidgets along, but no ipycanvas.
HOST = ("torch", "fastai", "ipykernel", "ipywidgets", "pip", "setuptools")
CELL_TIMEOUT = 3600  # seconds


def closure(names):
    "The installed distributions called `names`, and all that they require"
    todo, done, found = [Requirement(name) for name in names], set(), {}
    while todo:
        requirement = todo.pop()
        key = requirement.name, frozenset(requirement.extras)
        if key in done:
            continue
        done.add(key)
        found[requirement.name.lower().replace("_", "-")] = dist = distribution(requirement.name)
        extras = ("", *requirement.extras)
        for needed in map(Requirement, dist.requires or []):
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    return list(found.values())


def link(source, target):
    "Make `target` the same file as `source`; a copy where the disk has no hard links"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_host(folder, names=HOST):
    "Make an environment of the distributions `names` and of what they require, in the new `folder`; returns its Python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
    for dist in closure(names):
        for file in dist.files or []:
            # Commands beside the packages name the Python that they belong to; nothing here needs them.
            if ".." not in file.parts and file.locate().is_file() and not (site / file).exists():
                link(file.locate(), site / file)
    return python


def pip(python, *arguments):
    "What `pip` with `arguments` says in the environment of `python`, and its exit status"
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        env=host_environment(python),
    )
    return done.stdout, done.returncode


def versions(python):
    "The version of each distribution in the environment of `python`"
    return {found["name"]: found["version"] for found in json.loads(pip(python, "list", "--format=json")[0])}


def host_environment(python, **own):
    "This process's environment, for the `python` of another one, with the variables `own`"
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}", **own}
    for name in ("PYTHONPATH", "PYTHONHOME", "MPLBACKEND", "VIRTUAL_ENV"):
        env.pop(name, None)
    return env


def make_repository(folder):
    "A git repository of the working tree in the new `folder`; returns git's settings that fetch it in place of ours"
    copy_source(folder)
    config = folder.with_suffix(".gitconfig")
    config.write_text(
        f'[url "{folder.as_uri()}"]\n\tinsteadOf = {get_config(ROOT).git_url}\n'
        "[user]\n\tname = check\n\temail = check@localhost\n[safe]\n\tdirectory = *\n"
    )
    env = {**os.environ, "GIT_CONFIG_GLOBAL": str(config)}
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-q", "--no-verify", "-m", "working tree"]):
        subprocess.run(["git", "-C", folder, *command], check=True, env=env)
    return config


class HostKernels(KernelSpecManager):
    "The one kernel of an environment that is not ours"

    def __init__(self, python):
        super().__init__()
        self.python = str(python)

    def get_kernel_spec(self, name):
        "The kernel, whatever its `name`"
        return KernelSpec(argv=[self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")


def run_all(path, python, env):
    "Run every cell of the notebook at `path` with the environment `env` and its `python`; returns the run notebook"
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        nb,
        km=AsyncKernelManager(kernel_spec_manager=HostKernels(python)),
        timeout=CELL_TIMEOUT,
        allow_errors=True,  # the error is then an output, in its place
        resources={"metadata": {"path": str(path.parent)}},
    )
    # A kernel manager of our own is left running unless one asks.
    with client.setup_kernel(env=env, cleanup_kc=True):
        for i, cell in enumerate(nb.cells):
            if cell.cell_type == "code":
                client.execute_cell(cell, i)
                if any(output.output_type == "error" for output in cell.outputs):
                    break
    return json.loads(nbformat.writes(nb))


def notebook_problems(path, folder, config):
    "What goes wrong with the notebook at `path` on a new host below the empty `folder`, with git's settings `config`"
    python, alone = make_host(folder / "host"), folder / "content"
    before = versions(python)
    report, broken = pip(python, "check")
    if broken or "mnist_nb" in before or "seaborn" in before:
        return [f"the host is not fit to try it on: {report or 'it holds more than torch and fastai need'}"]
    alone.mkdir()
    stored = json.loads(shutil.copy(path, alone / path.name).read_text(encoding="utf-8"))
    env = host_environment(
        python, FASTAI_HOME=str(folder / "fastai"), IPYTHONDIR=str(folder / "ipython"), GIT_CONFIG_GLOBAL=str(config)
    )
    try:
        ran = run_all(alone / path.name, python, env)
    except (CellTimeoutError, DeadKernelError) as error:
        return [f"{type(error).__name__}: {error}"]
    report, broken = pip(python, "check")
    return [
        *run_problems(ran, stored),
        *changes(before, versions(python)),
        *([f"pip check afterwards: {report.strip()}"] if broken else []),
    ]


def changes(before, after):
    "How the distributions `before` the run differ from those `after` it: none may go, none may change, ours must come"
    for name, version in before.items():
        if after.get(name) != version:
            yield f"{name} {version} was there and is now {after.get(name, 'gone')}"
    if "mnist_nb" not in after:
        yield "the installing cell did not install mnist_nb"


@contextmanager
def a_folder():
    "A temporary folder; what Windows still holds open there is left behind"
    with tempfile.TemporaryDirectory(prefix="colab-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def problems_of(paths):
    "For each notebook of `paths`: its path, what goes wrong with it, and how long it took"
    with a_folder() as outer:
        config = make_repository(outer / "repository")
        for path in paths:
            with a_folder() as folder:
                yield path, *clocked(lambda path, folder=folder: notebook_problems(path, folder, config), path)


if __name__ == "__main__":
    sys.exit(command_line(__doc__, QUICK, problems_of))
