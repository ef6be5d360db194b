"""Run the notebooks from top to bottom, each in a fresh kernel: `make course` and `make execute`.

course    runs copies of the notebooks in `_course/nbs`, exports the library and builds the site from what just ran
execute   the same run, stored in `nbs/` itself, for maintainers
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import nbformat
from fastcore.nbio import write_nb
from filelock import FileLock, Timeout
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbdev.clean import nbdev_clean
from nbdev.doclinks import nbdev_export

from notebooks import NBS, ROOT, cell_name, evaluated, in_order, output_problems, output_text, read, sign, tidy_outputs

COURSE = ROOT / "_course" / "nbs"
SITE = ROOT / "_docs"
CELL_TIMEOUT = 3600  # seconds; training takes minutes on a slow machine, and only a hang takes an hour


@dataclass
class Run:
    "What came of running one notebook"

    name: str
    seconds: float = 0.0
    headline: str = ""
    error: str = ""
    problems: list = field(default_factory=list)


class CellFailed(Exception):
    "A cell raised an error, ran out of time or lost its kernel"


class Progress:
    "One line on where a run has got to: rewritten in place on a terminal, else printed every half minute"

    def __init__(self, label, stream=None):
        self.label, self.stream = label, stream or sys.stdout
        self.live = self.stream.isatty()
        self.start = time.monotonic()
        self.cell, self.done = "starting", threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self):
        self._show()
        self.ticker.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.ticker.join()
        if self.live:
            print("\r\x1b[K", end="", file=self.stream, flush=True)

    def at(self, number, total):
        "Note that cell `number` of `total` now runs"
        self.cell = f"cell {number} of {total}"

    def _tick(self):
        while not self.done.wait(1 if self.live else 30):
            self._show()

    def _show(self):
        line = f"{self.label} … {self.cell}  {clock(time.monotonic() - self.start)}"
        print(f"\r\x1b[K{line}" if self.live else line, end="" if self.live else "\n", file=self.stream, flush=True)


def clock(seconds):
    "`seconds` as minutes and seconds"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def kernel_environment():
    "The environment of every kernel: like the user's, without what would change the stored outputs"
    profile = COURSE.parent / "ipython"
    profile.mkdir(parents=True, exist_ok=True)
    # fastai 2.8 still calls torch.jit.script; torch's warning about it tells a reader nothing.
    quiet = "ignore:`torch.jit.script` is deprecated:FutureWarning"
    own = {"PYTHONHASHSEED": "0", "IPYTHONDIR": str(COURSE.parent / "ipython"), "PYTHONWARNINGS": quiet}
    env = {**os.environ, **own}
    env.pop("MPLBACKEND", None)  # ipykernel then draws figures inline
    return env


def run_notebook(path, at=lambda number, total: None):
    "Run the notebook at `path` in a fresh kernel and store its outputs there; `at` is told where it has got to"
    nb, positions = nbformat.read(path, as_version=4), evaluated(path)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if positions:
        _run_cells(nb, positions, path, at)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = tidy_outputs(cell.outputs)
    stored = json.loads(nbformat.writes(nb))
    sign(stored, positions)
    write_nb(stored, path)


def _run_cells(nb, positions, path, at):
    "Run the cells of `nb` at `positions`, in the folder of `path`"
    client = NotebookClient(
        nb,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel(env=kernel_environment()):
        for number, i in enumerate(positions, 1):
            at(i + 1, len(nb.cells))
            try:
                client.execute_cell(nb.cells[i], i, execution_count=number)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise CellFailed(f"{path.name}, {cell_name(nb.cells, i)}: {describe(error)}") from error


def describe(error):
    "The type and the message of the error that stopped a cell"
    name, message = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    return f"{name}: {message}"


def headline(path):
    "What the last line that starts with `Headline: ` says, among what the notebook at `path` printed"
    outputs = [output for cell in read(path)["cells"] for output in cell.get("outputs", [])]
    lines = [line for output in outputs for line in output_text(output).splitlines()]
    found = [line.removeprefix("Headline: ") for line in lines if line.startswith("Headline: ")]
    return found[-1] if found else ""


def run(path, label, target=None):
    "Run the notebook at `path` with its progress shown, store it as `target` if there is one, and say what came of it"
    result, start, before = Run(path.stem), time.monotonic(), path.read_bytes()
    try:
        with Progress(label) as progress:
            run_notebook(path, progress.at)
        result.headline, result.problems = headline(path), output_problems(read(path))
        if target:
            store(path, target, before)
    except (CellFailed, FileExistsError) as failure:
        result.error = str(failure)
    result.seconds = time.monotonic() - start
    print(f"{label}  {'FAILED' if result.error else 'done'} in {clock(result.seconds)}", flush=True)
    return result


def store(path, target, before):
    "Put the notebook that ran at `path`, clean, in place of `target`, unless that is no longer what it was `before`"
    if target.read_bytes() != before:
        raise FileExistsError(f"{target.name} was edited while it ran: its outputs are not stored. Run it again")
    nbdev_clean(str(path))
    os.replace(path, target)


def copy_notebooks():
    "Fresh copies of the notebooks, and of what lies beside them, in `COURSE`"
    keep_edited_copies()
    shutil.rmtree(COURSE, ignore_errors=True)
    shutil.copytree(NBS, COURSE, ignore=shutil.ignore_patterns(".*"))
    record_sources()


def sources(folder):
    "For each notebook of `folder`, a hash of the sources of its cells: they change when somebody edits it"
    cells = {path.name: [cell["source"] for cell in read(path)["cells"]] for path in in_order(folder)}
    return {name: hashlib.sha256(json.dumps(texts).encode()).hexdigest() for name, texts in cells.items()}


def record_sources():
    "Note what the copies say, so that an edit made in them is seen before the next run replaces them"
    (COURSE.parent / "sources.json").write_text(json.dumps(sources(COURSE)), encoding="utf-8")


def keep_edited_copies():
    "Move copies that somebody has edited out of the way of the new ones, and say so"
    record = COURSE.parent / "sources.json"
    copied = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    edited = [name for name, text in sources(COURSE).items() if record.exists() and copied.get(name) != text]
    if edited:
        kept = COURSE.parent / f"edited-{time.strftime('%Y%m%d-%H%M%S')}"
        kept.mkdir(parents=True)
        for name in edited:
            shutil.move(COURSE / name, kept / name)
        print(f"You edited copies in {COURSE.parent.name}/nbs/: {', '.join(edited)}. They are now in {kept}.")
        print("Edit the notebooks in nbs/ instead: the copies are made anew in each run.")


def choose(names):
    "The copied notebooks that `names` asks for, all of them if it is empty"
    notebooks = in_order(COURSE)
    unknown = set(names) - {path.stem for path in notebooks}
    if unknown:
        sys.exit(
            f"No such notebook: {', '.join(sorted(unknown))}. There are: {', '.join(path.stem for path in notebooks)}."
        )
    return [path for path in notebooks if path.stem in names or not names]


def print_summary(results):
    "One line for each notebook: its time and its headline number; then what went wrong"
    width = max(map(len, ["notebook", *(result.name for result in results)]))
    print(f"\n{'notebook':{width}}   time  headline")
    for result in results:
        print(f"{result.name:{width}}  {clock(result.seconds):>5}  {'FAILED' if result.error else result.headline}")
    print(f"{'total':{width}}  {clock(sum(result.seconds for result in results)):>5}\n")
    for result in results:
        for problem in filter(None, [result.error, *result.problems]):
            print(f"{result.name}: {problem}")


def export_library():
    "Write the library from the notebooks, so that every chapter sees it as they have it now; returns what went wrong"
    try:
        nbdev_export()
    except SyntaxError as error:  # the notebook goes on to fail in its run, which names the cell
        return f"The library was not exported: an exported cell is no valid Python ({error.msg}: {error.text.strip()})."
    return ""


def build_site():
    "Build the site from the copies that just ran; returns what went wrong"
    command = [sys.executable, str(ROOT / "tools" / "build_site.py"), "--nbs", str(COURSE), "--out", str(SITE)]
    status = subprocess.run(command).returncode
    return f"The site was not built: tools/build_site.py ended with status {status}." if status else ""


def main(mode, names):
    "Run the notebooks `names` in `mode`; returns what went wrong, to end with"
    os.chdir(ROOT)
    problem = export_library()
    copy_notebooks()
    notebooks, results = choose(names), []
    for number, path in enumerate(notebooks, 1):
        target = NBS / path.name if mode == "execute" else None
        results.append(run(path, f"[{number}/{len(notebooks)}] {path.stem}", target))
    failed = sum(bool(result.error) for result in results)
    if failed:
        problem = f"{failed} of {len(results)} notebooks failed. {problem}"
    if mode == "course" and not problem:
        problem = build_site()
    print_summary(results)
    if mode == "course" and not problem:
        print(f"The site is in {SITE.name}/. Read it with: make serve")
    if mode == "execute" and any(result.problems for result in results):
        problem = problem or "Mend the outputs named above before you commit."
    return problem


def alone(mode, names):
    "`main`, unless another run is working in the same folder"
    COURSE.parent.mkdir(exist_ok=True)
    try:
        with FileLock(COURSE.parent / "running.lock", timeout=0):
            return main(mode, names)
    except Timeout:
        return f"Another run is working in {COURSE.parent.name}/: wait until it has ended, then start this one again."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["course", "execute"])
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="run only these, e.g. 03_cnn")
    arguments = parser.parse_args()
    try:
        sys.exit(alone(arguments.mode, arguments.names) or 0)
    except KeyboardInterrupt:
        sys.exit("\nStopped. What was stored before this stays stored; no other notebook was touched.")
