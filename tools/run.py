"""Run the notebooks from top to bottom, two at once, each in a fresh kernel: `make course` and `make execute`.

course          runs copies of the notebooks in `_course/nbs`, and builds the site from them
execute         the same run, whose outputs are stored in `nbs/` when all is over, for maintainers
install-cells   writes the cell that installs the library where it is missing into every notebook
"""

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import nbformat
import psutil
from filelock import FileLock, Timeout
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal
from nbdev.clean import nbdev_clean
from nbdev.config import get_config
from nbdev.doclinks import nbdev_export
from nbdev.test import nb_test_cells

ROOT = Path(__file__).resolve().parents[1]
NBS, COURSE = ROOT / "nbs", ROOT / "_course" / "nbs"
BEFORE = COURSE.with_name("before")  # the notebooks as they were when they were copied
# Started first, so that both kernels are busy to the end.
LONGEST = ("07_speed", "08_breaking_it", "10_results", "04_cnn", "09_your_digit", "06_feature_maps")
CELL_TIMEOUT = 3600  # seconds; training takes minutes on a slow machine, and only a hang takes an hour
# Two notebooks at once on a thread each are faster than one after the other on two. fastai 2.8 still calls
# torch.jit.script, and torch's warning about it tells a reader nothing.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
ENVIRONMENT["PYTHONWARNINGS"] = "ignore:`torch.jit.script` is deprecated:FutureWarning"
# The cell that lets a notebook run where the library is missing, as in Colab; pyproject.toml says where it is.
INSTALL = f"""#| hide
# Where the library is missing, as in Colab, install it; what is there stays as it is.
from importlib.util import find_spec
if not find_spec('mnist_nb'):
    library = 'git+{get_config(ROOT).git_url}'
    get_ipython().run_line_magic('pip', f'install -q {{library}}')"""


def in_order(folder):
    "The notebooks of `folder` as they are read: the numbered chapters, the appendices, the front page"
    notebooks = (path for path in Path(folder).glob("*.ipynb") if path.stem[0] not in "_.")
    return sorted(notebooks, key=lambda path: (path.stem == "index", not path.stem[0].isdigit(), path.stem))


def read(path):
    "The notebook at `path`, each of its texts as one string"
    return nbformat.read(path, as_version=4)


def evaluated(path):
    "Positions of the cells to run in the notebook at `path`: all that nbdev would test, the slow ones too"
    return [cell.idx_ for cell in nb_test_cells(path, skip_flags=["notest"]) if cell.source.strip()]


def cell_name(cells, i):
    "How messages name the cell at position `i`: its number, counted from 1, and its first line of code"
    lines = [line.strip() for line in cells[i].source.splitlines() if not line.startswith("#|")]
    return f"cell {i + 1} ({next(filter(None, lines), 'empty')})"


def write_install_cell(path):
    "Put the installing cell below the title of the notebook at `path`, in place of an older one"
    nb = read(path)
    old = [cell.id for cell in nb.cells if "find_spec('mnist_nb')" in cell.source]
    cells = [cell for cell in nb.cells if cell.id not in old]
    nb.cells = [*cells[:1], nbformat.v4.new_code_cell(INSTALL, id=[*old, "install"][0]), *cells[1:]]
    nbformat.write(nb, path)


def fingerprint(nb, positions):
    "Hash of what tells `nb`, run whole and in order, from one that was edited or partly run since: counts are cleaned"
    facts = [(nb.cells[i].source, [output.output_type for output in nb.cells[i].outputs]) for i in positions]
    return hashlib.sha256(str(facts).encode()).hexdigest()[:16]


def tidy_outputs(outputs):
    "`outputs` as a reader should find them: neighbouring streams merged, no progress bars"
    merged = []
    for output in outputs:
        html = output.get("data", {}).get("text/html")
        if "fastprogress" in (html or ""):  # it adds its table's HTML once more, as a block of Markdown source
            output["data"].pop("text/markdown", None)
        if merged and output.output_type == "stream" and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        elif html is None or html.strip() and not re.search(r"<progress\b|<style>\s*progress\b", html):
            merged.append(output)  # what is left out is a bar of fastprogress, its style, or the place where it was
    for output in merged:
        if output.output_type == "stream":  # a bar on the console draws over its line
            lines = output.text.replace("\r\n", "\n").split("\n")
            output.text = "\n".join(line for line in lines if "\r" not in line)
    return [output for output in merged if output.output_type != "stream" or output.text.strip()]


class Run:
    "The run of one notebook: where it has got to, and what came of it"

    def __init__(self, path):
        self.path, self.name = path, path.stem
        self.at, self.cell, self.headline, self.error, self.seconds = "", "its kernel", "", "", timedelta()

    def go(self, number):
        "Run the notebook in a fresh kernel, write what came of it in its place, and say so"
        self.at, start = "its start", time.monotonic()
        say(f"{number} {self.name} starts")
        try:
            nb = self.executed()
            nbformat.write(nb, self.path)
            text = "\n".join(output.get("text", "") for cell in nb.cells for output in cell.get("outputs", []))
            self.headline = "".join(re.findall(r"^Headline: (.*)$", text, re.MULTILINE)[-1:])
        except (CellControlSignal, RuntimeError) as error:  # nbclient's; a lost kernel is a RuntimeError
            kind, text = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
            self.error = f"{self.path.name}, {self.cell}: {kind}: {text}"
        self.at, self.seconds = "", timedelta(seconds=int(time.monotonic() - start))
        say(f"{number} {self.name} {'FAILED' if self.error else 'done'} in {self.seconds}")

    def executed(self):
        "The notebook with the outputs of a run from top to bottom, and the mark that it was run so"
        nb, positions = read(self.path), evaluated(self.path)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        options = {"record_timing": False, "extra_arguments": ["--log-level=ERROR"], "kernel_name": "python3"}
        folder = {"metadata": {"path": str(self.path.parent)}}
        client = NotebookClient(nb, timeout=CELL_TIMEOUT, resources=folder, **options)
        profile = COURSE.parent / "ipython" / self.name
        profile.mkdir(parents=True, exist_ok=True)
        # Like the user's, without what changes the outputs; with MPLBACKEND, ipykernel would not draw figures inline.
        env = {**os.environ, **ENVIRONMENT, "IPYTHONDIR": str(profile)}
        env.pop("MPLBACKEND", None)
        with client.setup_kernel(env=env):
            for number, i in enumerate(positions, 1):
                self.at, self.cell = f"cell {i + 1} of {len(nb.cells)}", cell_name(nb.cells, i)
                client.execute_cell(nb.cells[i], i, execution_count=number)
        for i in positions:
            nb.cells[i].outputs = tidy_outputs(nb.cells[i].outputs)
        nb.metadata["mnist_nb"] = {"executed": fingerprint(nb, positions)}
        return nb

    def store(self):
        "Put the notebook that ran, clean, in place of the one in `nbs/`, unless that was edited meanwhile"
        target = NBS / self.path.name
        if target.read_bytes() != (BEFORE / self.path.name).read_bytes():
            self.error = f"{self.path.name} was edited while it ran: its outputs are not stored. Run it again"
        else:
            nbdev_clean(str(self.path))
            os.replace(self.path, target)


def say(line, end="\n"):
    "Print `line`; on a terminal it takes the place of the one that says where the run is"
    print(("\r\x1b[K" if sys.stdout.isatty() else "") + line + end, end="", flush=True)


def run_all(runs):
    "Do `runs`, two at once, the longest first, and say where they are"
    live, begin = sys.stdout.isatty(), time.monotonic()
    runs = sorted(runs, key=lambda run: [*LONGEST, run.name].index(run.name))
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run.go, f"[{number}/{len(runs)}]") for number, run in enumerate(runs, 1)]
        while wait(futures, timeout=1 if live else 30).not_done:
            now = ", ".join(f"{run.name} at {run.at}" for run in runs if run.at)
            say(f"{timedelta(seconds=int(time.monotonic() - begin))}  {now}", end="" if live else "\n")
    return [future.result() for future in futures]  # raises what is no fault of a notebook


def stop(number, frame):
    "Ctrl-C, or an order to end: leave no kernel behind; one that is only starting ends with its parent"
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    print("\nStopped. No kernel is left; outputs are stored in nbs/ only when all notebooks have run.", file=sys.stderr)
    os._exit(128 + number)


def copy_notebooks():
    "Fresh copies of the notebooks and of what they read beside them; copies that somebody has edited are kept"

    def sources(path):
        with suppress(OSError, ValueError):  # it is new, or only half of it was written
            return [cell.source for cell in read(path).cells]

    edited = [path for path in in_order(COURSE) if sources(path) != sources(BEFORE / path.name)]
    if edited:
        kept = COURSE.with_name(f"edited-{time.strftime('%Y%m%d-%H%M%S')}")
        kept.mkdir()
        names = ", ".join(shutil.move(path, kept / path.name).name for path in edited)
        print(f"You edited copies in _course/nbs/, made anew in each run: {names}. They are now in {kept}. Edit nbs/.")
    for folder in (COURSE, BEFORE):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(NBS, folder, ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "settings.ini", COURSE.parent)


def main(mode, names):
    "Run the notebooks `names`, all if there are none, in `mode`; returns what went wrong, to end with"
    os.chdir(ROOT)
    begin, problem = time.monotonic(), ""
    known = [path.stem for path in in_order(NBS)]
    if unknown := sorted(set(names) - set(known)):
        return f"No such notebook: {', '.join(unknown)}. There are: {', '.join(known)}."
    try:
        nbdev_export()  # so that every notebook sees the library as the notebooks have it now
    except SyntaxError as error:  # the notebook goes on to fail in its run, which names the cell
        problem = f"The library was not exported, since a cell is no valid Python: {error.msg}: {error.text.strip()}"
    copy_notebooks()
    runs = [Run(COURSE / f"{name}.ipynb") for name in known if name in names or not names]
    run_all(runs)
    for run in runs:
        if mode == "execute" and not run.error:
            run.store()
    if failed := sum(bool(run.error) for run in runs):
        problem = f"{failed} of {len(runs)} notebooks failed. {problem}"
    if mode == "course" and not problem:
        command = [sys.executable, ROOT / "tools" / "site" / "build.py", "--nbs", COURSE, "--out", ROOT / "_docs"]
        if status := subprocess.run(command, start_new_session=True).returncode:
            problem = f"The site was not built: tools/site/build.py ended with status {status}."
    lines = [f"{run.name:16}{run.seconds!s:>8}  {run.error and 'FAILED: ' + run.error or run.headline}" for run in runs]
    print("", *lines, f"{'total':16}{timedelta(seconds=int(time.monotonic() - begin))!s:>8}", "", sep="\n")
    if mode == "course" and not problem:
        print("The site is in _docs/. Read it with: make serve")
    return problem


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["course", "execute", "install-cells"])
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="run only these, e.g. 04_cnn")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if arguments.mode == "install-cells":
        sys.exit(any(map(write_install_cell, in_order(NBS))))
    COURSE.parent.mkdir(exist_ok=True)
    try:
        with FileLock(COURSE.parent / "running.lock", timeout=0):
            sys.exit(main(arguments.mode, arguments.names) or 0)
    except Timeout:
        sys.exit("Another run is working in _course/: wait until it has ended, then start this one again.")
