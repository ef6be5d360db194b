"""What the runner and the checks both know about the course's notebooks and its working tree.

python tools/notebooks.py    write the cell that installs the library where it is missing into every notebook
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

from fastcore.nbio import write_nb
from nbdev.config import get_config
from nbdev.test import nb_test_cells

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
NOT_SOURCE = (".git", ".venv", "_docs", "_proc", "_course", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")

# fastprogress draws its bars as HTML; the results table that remains after the last update has no bar in it.
_BAR = re.compile(r"<progress\b|<style>\s*progress\b")
_WARNING = re.compile(r"\b\w*Warning: ")
_CALLOUT = re.compile(r"^::: *\{\.callout.*?\n(.*?)^:::$", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w./:-])(?:/(?:root|home|Users|tmp|private|var/folders)/|[A-Z]:\\+Users\\+)")


def copy_source(folder):
    "Copy the working tree, without what is built from it, to the new folder `folder`"
    return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)


def in_order(folder):
    "The notebooks of `folder` as they are read: the numbered chapters, the appendices, the front page"
    notebooks = (path for path in Path(folder).glob("*.ipynb") if path.stem[0] not in "_.")
    return sorted(notebooks, key=lambda path: (path.stem == "index", not path.stem[0].isdigit(), path.stem))


def read(path):
    "The notebook at `path`, as the plain JSON that is stored"
    return json.loads(Path(path).read_text(encoding="utf-8"))


def evaluated(path):
    "Positions of the cells that `nbdev-test` would run in the notebook at `path`"
    flags = get_config(ROOT).tst_flags.split()
    return [cell.idx_ for cell in nb_test_cells(path, skip_flags=flags) if cell.source.strip()]


def install_source():
    "The cell that lets a notebook run where the library is missing, as in Colab; pyproject.toml says where it is"
    return (
        "#| hide\n"
        "# Where the library is missing, as in Colab, install it; what is there already stays as it is.\n"
        "from importlib.util import find_spec\n"
        "if not find_spec('mnist_nb'):\n"
        f"    get_ipython().run_line_magic('pip', 'install -q git+{get_config(ROOT).git_url}')"
    )


def install_problem(nb):
    "What is wrong with the first code cell of `nb`, which should install the library: empty if nothing is"
    first = next((_text(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"), "")
    if first == install_source():
        return ""
    return "its first code cell does not install the library where it is missing: make export writes it"


def write_install_cell(path):
    "Put the installing cell after the title of the notebook at `path`, in place of an older one, and say so"
    nb = read(path)
    if not install_problem(nb):
        return
    cells = [c for c in nb["cells"] if not (c["cell_type"] == "code" and "find_spec('mnist_nb')" in _text(c["source"]))]
    start = sum(cell["cell_type"] == "markdown" for cell in cells[:1])
    nb["cells"] = [*cells[:start], _code_cell("install", install_source()), *cells[start:]]
    write_nb(nb, path)
    print(f"{Path(path).name}: the cell that installs the library was written")


def solutions(nb):
    "The code in the callouts of `nb`, where the solutions of the exercises are folded away: a source for each block"
    prose = (_text(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "markdown")
    return [code for text in prose for callout in _CALLOUT.findall(text) for code in _PYTHON.findall(callout)]


def append_solutions(path):
    "Put the solutions of the notebook at `path` behind its last cell, as a reader does who tries them"
    nb = read(path)
    nb["cells"] += [_code_cell(f"solution-{i}", code) for i, code in enumerate(solutions(nb))]
    write_nb(nb, path)


def _code_cell(name, source):
    "A code cell that has not been run yet"
    blank = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return {**blank, "id": name, "source": source.splitlines(True)}


def tidy_outputs(outputs):
    "`outputs` as a reader should find them: neighbouring streams merged, no progress bars"
    merged = []
    for output in outputs:
        # fastprogress adds its table's HTML once more, as a block of Markdown source.
        if "fastprogress" in _text(output.get("data", {}).get("text/html", "")):
            output["data"].pop("text/markdown", None)
        if merged and output["output_type"] == "stream" and merged[-1].get("name") == output["name"]:
            merged[-1]["text"] += output["text"]
        elif not _is_bar(output):
            merged.append(output)
    for output in merged:
        if output["output_type"] == "stream":
            output["text"] = _without_progress(output["text"])
    return [output for output in merged if output["output_type"] != "stream" or output["text"].strip()]


def _is_bar(output):
    "Is `output` a progress bar, its style sheet, or the empty HTML left where a bar was taken away?"
    html = output.get("data", {}).get("text/html")
    return html is not None and (not html.strip() or bool(_BAR.search(html)))


def _without_progress(text):
    "`text` without the lines that a console progress bar drew over with carriage returns"
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line for line in lines if "\r" not in line)


def cell_name(cells, i):
    "How messages name the cell at position `i`: its number, counted from 1, and its first line of code"
    lines = [line.strip() for line in _text(cells[i]["source"]).splitlines()]
    code = (line for line in lines if line and not line.startswith("#|"))
    return f"cell {i + 1} ({next(code, 'empty')})"


def fingerprint(nb, positions):
    """Hash of the sources at `positions`, in order, and of the kinds of output each one has.

    `nbdev-clean` removes execution counts, so this is what tells a notebook that was run whole, in order and as it
    stands from one that was edited, reordered or partly run afterwards.
    """
    cells = [nb["cells"][i] for i in positions]
    facts = [(_text(cell["source"]), [output["output_type"] for output in cell["outputs"]]) for cell in cells]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def sign(nb, positions):
    "Record in `nb` that the cells at `positions` have just been run in order"
    # nbdev-clean keeps the metadata's `nbdev` entry, and nbdev ignores names there that it does not know.
    nb["metadata"].setdefault("nbdev", {})["executed"] = fingerprint(nb, positions)


def stored_problems(path):
    "What keeps the notebook at `path` from being stored as executed: empty if nothing does"
    nb, positions = read(path), evaluated(path)
    cells = nb["cells"]
    problems = [
        f"{cell_name(cells, i)}: its source is not a list of lines"
        for i, cell in enumerate(cells)
        if not isinstance(cell["source"], list)
    ]
    if nb["metadata"].get("nbdev", {}).get("executed") != fingerprint(nb, positions):
        problems.append(f"not stored as it was last run: make execute NB={Path(path).stem}")
    return problems + output_problems(nb)


def output_problems(nb):
    "Errors, warnings and paths of the machine it ran on, among the outputs of `nb`"
    cells = nb["cells"]
    return [
        f"{cell_name(cells, i)}: {problem}"
        for i, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        for problem in _problems(output)
    ]


def _problems(output):
    "What should not be in one stored `output`"
    if output["output_type"] == "error":
        yield f"error output {output['ename']}: {output['evalue']}"
        return
    text = output_text(output)
    if output.get("name") == "stderr":
        yield f"text on stderr: {text.strip()[:100]}"
    elif _WARNING.search(text):
        yield "a warning is stored"
    found = _MACHINE_PATH.search(text) or re.search(re.escape(str(ROOT)), text)
    if found:
        yield f"a path of the machine it ran on: {text[found.start() : found.start() + 60].splitlines()[0]}"


def output_text(output):
    "All text of one output, of a stream or of its textual representations"
    texts = [output.get("text", "")] + [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return "\n".join(_text(text) for text in texts)


def _text(lines):
    "A notebook's text, which is stored as a string or as a list of lines"
    return lines if isinstance(lines, str) else "".join(lines)


if __name__ == "__main__":
    for notebook in in_order(NBS):
        write_install_cell(notebook)
