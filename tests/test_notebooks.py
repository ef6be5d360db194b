"Each notebook runs with its solutions, is stored as it was run, and is where the library comes from."

import io
import json
import multiprocessing
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbdev.config import get_config
from nbdev.test import test_nb as nbdev_test

from conftest import copy_source
from run import INSTALL, NBS, ROOT, cell_name, evaluated, fingerprint, in_order, read, tidy_outputs

WIDTH = 88  # characters of code that fit the page's column
CALLOUT = re.compile(r"^::: *\{\.callout.*?\n(.*?)^:::$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FAULTS = {
    "a warning is stored": re.compile(r"\b\w*Warning: .*"),
    "a path of the machine it ran on": re.compile(
        rf"(?<![\w./:-])(?:/(?:root|home|Users|tmp|private|var/folders)/|[A-Z]:\\+Users\\+).*|{re.escape(str(ROOT))}.*"
    ),
}
NAMES = [path.stem for path in in_order(NBS)]
SLOW = [path.stem for path in in_order(NBS) if "#| slow" in path.read_text(encoding="utf-8")]
# Every notebook starts in a fresh process; where fork is safe, in a copy of one that has imported fastai already.
CLEAN = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    CLEAN.set_forkserver_preload(["fastai.vision.all", "nbdev.test"])


# ---------------------------------------------------------------- they run


def solutions(nb):
    "The code in the callouts of `nb`, where the solutions of the exercises are folded away"
    prose = (cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return [code for text in prose for callout in CALLOUT.findall(text) for code in PYTHON.findall(callout)]


def append_solutions(path):
    "Put the solutions of the notebook at `path` behind its last cell, as a reader does who tries them"
    nb = read(path)
    nb.cells += map(nbformat.v4.new_code_cell, solutions(nb))
    nbformat.write(nb, path)


def failure(path, skipped, root):
    "What nbdev's test says of the notebook at `path`, in this process; empty if it passes"
    sys.__stderr__ = said = io.StringIO()
    passed, _ = nbdev_test(path, skip_flags=skipped, basepath=root, cell_timeout=1500)
    return "" if passed else said.getvalue() or "it failed without a word"


def failure_apart(*arguments):
    "`failure` in a process of its own"
    with ProcessPoolExecutor(1, mp_context=CLEAN) as pool:
        return pool.submit(failure, *arguments).result()


@pytest.fixture(scope="session")
def tree(shared):
    "A copy of the working tree, since a solution may write files, with the solutions in its notebooks"

    def make(folder):
        for path in in_order(copy_source(folder) / "nbs"):
            append_solutions(path)

    return shared("tree", make)


@pytest.mark.parametrize("name", NAMES)
def test_runs(tree, name):
    said = failure_apart(tree / "nbs" / f"{name}.ipynb", get_config(ROOT).tst_flags.split(), tree)
    assert not said, said


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_runs_with_its_slow_cells(tree, name):
    said = failure_apart(tree / "nbs" / f"{name}.ipynb", ["notest"], tree)
    assert not said, said


def test_a_wrong_solution_is_found_and_a_flagged_cell_is_skipped(notebook, tmp_path):
    block = "```python\n{}\n```\n"
    folded = '::: {.callout-note collapse="true" title="Solutions"}\n' + block.format("x + 1\n\nx/0") + ":::\n"
    title = f"# Sample\n\n{block.format('no code to run')}\n{folded}\nThe end."
    path = notebook(tmp_path / "sample.ipynb", "x = 1", "#| slow\nno_such_name", title=title)
    assert failure_apart(path, ["slow"], tmp_path) == ""
    assert "no_such_name" in failure_apart(path, [], tmp_path)
    append_solutions(path)
    assert [cell.source for cell in read(path).cells[3:]] == ["x + 1\n\nx/0\n"]
    assert "ZeroDivisionError" in failure_apart(path, ["slow"], tmp_path)


def test_every_chapter_has_solutions():
    chapters = [name for name in NAMES if name[0].isdigit()]
    assert len(chapters) >= 10 and [name for name in chapters if not solutions(read(NBS / f"{name}.ipynb"))] == []


# ---------------------------------------------------------------- how they are stored


def output_text(output):
    "All text of one output, of a stream or of its textual representations"
    return "\n".join([output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))])


def output_problems(cell):
    "What a reader should not find in the outputs of `cell`"
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"error output {output.ename}: {output.evalue}"
        elif output.get("name") == "stderr":
            yield f"text on stderr: {output.text.strip()[:100]}"
        found = ((what, pattern.search(output_text(output))) for what, pattern in FAULTS.items())
        yield from (f"{what}: {match[0][:80]}" for what, match in found if match)
    if tidy_outputs(deepcopy(cell.outputs)) != cell.outputs:
        yield "its outputs are not tidy"
    if any("image/png" in output.get("data", {}) for output in cell.outputs) and "#| fig-alt:" not in cell.source:
        yield "its picture has no fig-alt"


def stored_problems(path):
    "What is wrong with how the notebook at `path` is stored"
    nb, plain = read(path), json.loads(path.read_text(encoding="utf-8"))
    if nb.metadata.get("mnist_nb", {}).get("executed") != fingerprint(nb, evaluated(path)):
        yield f"not stored as it was last run: make execute NB={path.stem}"
    if next((cell.source for cell in nb.cells if cell.cell_type == "code"), "") != INSTALL:
        yield "its first code cell does not install the library where it is missing: make export writes it"
    for i, cell in enumerate(nb.cells):
        if not isinstance(plain["cells"][i]["source"], list):
            yield f"{cell_name(nb.cells, i)}: its source is not a list of lines"
        code = [cell.source] if cell.cell_type == "code" else PYTHON.findall(cell.source)
        wide = [line for text in code for line in text.splitlines() if len(line) > WIDTH and not line.startswith("#|")]
        yield from (f"{cell_name(nb.cells, i)}: more than {WIDTH} characters: {line}" for line in wide)
        if cell.cell_type == "code":
            yield from (f"{cell_name(nb.cells, i)}: {problem}" for problem in output_problems(cell))


@pytest.mark.parametrize("name", NAMES)
def test_stored(name):
    assert list(stored_problems(NBS / f"{name}.ipynb")) == []


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=name)


def html(text):
    return nbformat.v4.new_output("display_data", data={"text/html": text, "text/plain": "text"})


def picture(cell):
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})]
    return cell


@pytest.mark.parametrize(
    "edit, problem",
    [
        (lambda cells: None, ""),
        (lambda cells: cells[2].update(source="x = 2"), "not stored as it was last run: make execute NB=05_sample"),
        (lambda cells: cells.insert(2, cells.pop(3)), "not stored as it was last run"),
        (lambda cells: cells[3].update(outputs=[]), "not stored as it was last run"),
        (lambda cells: cells.pop(1), "does not install the library"),
        (lambda cells: cells[2].update(source="x = " + "1" * 85), "cell 3 (x = 111"),
        (lambda cells: cells[0].update(source=f"```python\n{'1' * 89}\n```"), "more than 88 characters"),
        (lambda cells: picture(cells[2]), "cell 3 (x = 1): its picture has no fig-alt"),
        (lambda cells: cells[3].outputs.insert(0, html("<progress value=1>")), "its outputs are not tidy"),
        (lambda cells: cells[3].outputs.append(stream("careful", "stderr")), "text on stderr: careful"),
        (lambda cells: cells[3].outputs.append(stream("lib.py:3: UserWarning: old\n")), "a warning is stored"),
        (lambda cells: cells[3].outputs.append(stream("saved to /home/ada/model\n")), "it ran on: /home/ada/model"),
        (lambda cells: cells[3].outputs.append(html("<td>C:\\Users\\Ada\\x</td>")), "it ran on: C:\\Users"),
        (lambda cells: cells[3].outputs.append(nbformat.v4.new_output("error", ename="A", evalue="B")), "output A: B"),
    ],
)
def test_what_is_wrong_with_a_stored_notebook_is_found(notebook, tmp_path, edit, problem):
    path = notebook(tmp_path / "05_sample.ipynb", INSTALL, "x = 1", f'#| fig-alt: "A l{"o" * 99}ng text"\nx')
    nb = read(path)
    picture(nb.cells[3]).outputs += [stream("https://docs.fast.ai/home/x mnist_png/training/3\n"), html("<td>0.5</td>")]
    nb.metadata["mnist_nb"] = {"executed": fingerprint(nb, [1, 2, 3])}
    edit(nb.cells)
    nbformat.write(nb, path)
    found = list(stored_problems(path))
    assert problem in "\n".join(found) and bool(found) == bool(problem)


def test_a_source_that_is_one_string_is_found(notebook, tmp_path):
    path = notebook(tmp_path / "05_sample.ipynb", "x = 1")
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["cells"][1]["source"] = "x = 1"
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert "cell 2 (x = 1): its source is not a list of lines" in list(stored_problems(path))


# ---------------------------------------------------------------- nbdev has nothing left to do


def changed_by(command, tree):
    "The files that `command` of nbdev changes in `tree`"

    def contents():
        return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}

    before = contents()
    subprocess.run([Path(sys.executable).with_name(command)], cwd=tree, check=True)
    after = contents()
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@pytest.mark.parametrize("command, kind", [("nbdev-export", ".py"), ("nbdev-clean", ".ipynb")])
def test_leaves_no_diff(command, kind, tmp_path):
    tree = copy_source(tmp_path / "tree")
    assert changed_by(command, tree) == [], "mend it with: make export"
    nb = read(tree / "nbs" / "00_data.ipynb")
    nb.cells.append(nbformat.v4.new_code_cell("#| export\ndef new(): pass", execution_count=3))
    nbformat.write(nb, tree / "nbs" / "00_data.ipynb")
    assert kind in {Path(name).suffix for name in changed_by(command, tree)}
