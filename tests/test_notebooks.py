"Each notebook runs with its solutions, is stored as it was run, and is where the library comes from."

import json
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from conftest import copy_source, printed, shown, slow, write_notebook
from run import INSTALL, NBS, ROOT, cell_name, evaluated, fingerprint, in_order, read, tidy_outputs

WIDTH = 88  # characters of code that fit the page's column
NAMES = [path.stem for path in in_order(NBS)]
SLOW = [path.stem for path in in_order(NBS) if "#| slow" in path.read_text(encoding="utf-8")]
# A solution that trains for minutes, or uses what a slow cell has made, says so in a line that no reader sees.
PYTHON = re.compile(r"^(?:<!-- (#\| slow) -->\n)?```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FAULTS = {
    "a warning": r"\b\w*Warning: .*",
    "a path of a machine": r"(?<![\w./:-])(/(root|home|Users|tmp|private|var/folders)/|[A-Z]:\\+Users\\+).*|"
    + re.escape(str(ROOT)),
}


# ---------------------------------------------------------------- they run


def solutions(nb):
    "The code in the callouts of `nb`, where the solutions of the exercises are folded away"
    prose = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    callouts = re.findall(r"^::: *\{\.callout.*?\n(.*?)^:::$", prose, re.DOTALL | re.MULTILINE)
    return ["\n".join(filter(None, block)) for callout in callouts for block in PYTHON.findall(callout)]


def append_solutions(path):
    "Put the solutions of the notebook at `path` behind its last cell, as a reader does who tries them"
    nb = read(path)
    nb.cells += map(nbformat.v4.new_code_cell, solutions(nb))
    nbformat.write(nb, path)


def failure(path, flags=""):
    "What nbdev's test says of the notebook at `path`, in a process of its own; empty if it passes"
    command = [Path(sys.executable).with_name("nbdev-test"), path, "--n-workers", "0", "--cell-timeout", "1500"]
    done = subprocess.run([*command, "--flags", flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode else ""


@pytest.fixture(scope="session")
def nbs(shared):
    "Copies of the notebooks with their solutions, in a copy of the working tree, since a solution may write files"

    def make(folder):
        for path in in_order(copy_source(folder) / "nbs"):
            append_solutions(path)

    return shared("tree", make) / "nbs"


@pytest.mark.parametrize("name, flags", [*((name, "") for name in NAMES), *(slow(name, "slow") for name in SLOW)])
def test_runs(nbs, name, flags):
    said = failure(nbs / f"{name}.ipynb", flags)
    assert not said, said


def test_a_wrong_solution_is_found_and_a_flagged_cell_is_left_out(tmp_path):
    block = "```python\n{}\n```\n"
    title = block.format("no code to run") + "\n::: {.callout-note title='Solutions'}\n" + block.format("x + 1")
    title += f"Or\n<!-- #| slow -->\n{block.format('y')}Or\n{block.format('x/0')}:::\nThe end."
    path = write_notebook(tmp_path / "nbs" / "sample.ipynb", "x = 1", "#| slow\nno_such_name", title=title)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert failure(path) == "" and "no_such_name" in failure(path, "slow")
    append_solutions(path)
    assert [cell.source for cell in read(path).cells[3:]] == ["x + 1\n", "#| slow\ny\n", "x/0\n"]
    assert "ZeroDivisionError" in failure(path)


def test_the_notebooks_are_in_order_and_every_chapter_has_solutions():
    chapters = [name for name in NAMES if name < "90"]  # the appendices come after them
    assert len(chapters) == 11 and NAMES == [*sorted(NAMES[:-1]), "index"]
    assert all(solutions(read(NBS / f"{name}.ipynb")) for name in chapters)


# ---------------------------------------------------------------- how they are stored


def output_problems(cell):
    "What a reader should not find in the outputs of `cell`"
    for output in cell.outputs:
        texts = [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
        text = "\n".join([output.get("text", ""), output.get("evalue", ""), *texts])
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"an error: {text.strip()[:100]}"
        yield from (f"{what}: {match[0]}" for what, fault in FAULTS.items() for match in re.finditer(fault, text))
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
        blocks = [cell.source] if cell.cell_type == "code" else [code for _, code in PYTHON.findall(cell.source)]
        code = "".join(blocks).splitlines()
        found = [f"wider than {WIDTH}: {line}" for line in code if len(line) > WIDTH and not line.startswith("#|")]
        found += output_problems(cell) if cell.cell_type == "code" else []
        found += ["its source is not a list of lines"] * (not isinstance(plain["cells"][i]["source"], list))
        yield from (f"{cell_name(nb.cells, i)}: {problem}" for problem in found)


@pytest.mark.parametrize("name", NAMES)
def test_stored(name):
    assert list(stored_problems(NBS / f"{name}.ipynb")) == []


def test_what_is_wrong_with_a_stored_notebook_is_found(tmp_path):
    fine = [shown("iVBORw0KGgo=", "image/png"), printed("https://docs.fast.ai/home/x training/3\n")]
    faults = [printed("careful", "stderr"), nbformat.v4.new_output("error", evalue="Boom"), shown("<progress>")]
    faults += map(printed, ["lib.py:3: UserWarning: old", str(ROOT), "saved to /home/ada/model", "C:\\Users\\Ada"])
    path = write_notebook(tmp_path / "a.ipynb", INSTALL, f'#| fig-alt: "A l{"o" * 99}ng text"\n1', "2")
    nb = read(path)
    nb.cells[2].outputs = fine
    nb.metadata["mnist_nb"] = {"executed": fingerprint(nb, [1, 2, 3])}
    nbformat.write(nb, path)
    assert list(stored_problems(path)) == []
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["cells"][0]["source"] = f"```python\n{'1' * 89}\n```"
    plain["cells"][1]["source"] = ["x = " + "1" * 85]
    plain["cells"][2]["source"] = ["1"]
    plain["cells"][3]["outputs"] = faults
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert list(stored_problems(path)) == [
        "not stored as it was last run: make execute NB=a",
        "its first code cell does not install the library where it is missing: make export writes it",
        f"cell 1 (```python): wider than 88: {'1' * 89}",
        "cell 1 (```python): its source is not a list of lines",
        f"cell 2 (x = {'1' * 85}): wider than 88: x = {'1' * 85}",
        "cell 3 (1): its picture has no fig-alt",
        "cell 4 (2): an error: careful",
        "cell 4 (2): an error: Boom",
        "cell 4 (2): a warning: UserWarning: old",
        f"cell 4 (2): a path of a machine: {ROOT}",
        "cell 4 (2): a path of a machine: /home/ada/model",
        "cell 4 (2): a path of a machine: C:\\Users\\Ada",
        "cell 4 (2): its outputs are not tidy",
    ]


def test_what_was_edited_reordered_or_cleared_is_not_what_was_run():
    cells = [nbformat.v4.new_code_cell(source, outputs=[shown("1")] * n) for n, source in enumerate(("x = 1", "x"))]
    nb, cleared, edited = (nbformat.v4.new_notebook(cells=deepcopy(cells)) for _ in range(3))
    cleared.cells[1].outputs, edited.cells[0].source = [], "x = 2"
    runs = (nb, [0, 1]), (nb, [1, 0]), (cleared, [0, 1]), (edited, [0, 1])
    assert len({fingerprint(*run) for run in runs}) == 4


@pytest.mark.parametrize("command, kind", [("nbdev-export", ".py"), ("nbdev-clean", ".ipynb")])
def test_nbdev_has_nothing_left_to_do(repository, command, kind, tmp_path):
    tree = shutil.copytree(repository, tmp_path / "tree", symlinks=True)

    def changed():
        subprocess.run([Path(sys.executable).with_name(command)], cwd=tree, check=True)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=tree, stdout=subprocess.PIPE, text=True)
        return status.stdout.splitlines()

    assert changed() == [], "mend it with: make export"
    nb = read(tree / "nbs" / "90_data.ipynb")
    nb.cells.append(nbformat.v4.new_code_cell("#| export\ndef new(): pass", execution_count=3))
    nbformat.write(nb, tree / "nbs" / "90_data.ipynb")
    assert any(line.endswith(kind) for line in changed())
