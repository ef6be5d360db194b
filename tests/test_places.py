"""The checks of JupyterLab and of Colab, and the bounds: that each can fail, and that a learner's edits are safe."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import check
import colab_check
import lab_check
import lowest
import places
import run_course
from notebooks import NBS, NOT_SOURCE, ROOT, in_order, install_problem, install_source, read, write_install_cell
from site_browser import Missing, chromium

# From https://github.com/googlecolab/backend-info, pip-freeze.txt of 19 August 2026.
COLAB = {
    "fastai": "2.8.8",
    "torch": "2.11.0",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
    "pandas": "2.2.3",
    "seaborn": "0.13.2",
    "scikit-learn": "1.6.1",
    "scikit-image": "0.25.2",
    "pillow": "11.3.0",
    "statsmodels": "0.14.6",
    "safetensors": "0.8.0",
    "filelock": "3.32.3",
}


def notebook(path, *sources):
    "Write a notebook with a title and one code cell for each of `sources` to `path`"
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    nb.cells = [nbformat.v4.new_markdown_cell("# Sample"), *map(nbformat.v4.new_code_cell, sources)]
    nbformat.write(nb, path)
    return path


def cell(*outputs, count=1, source="go()"):
    "A code cell that has run"
    return {"cell_type": "code", "source": [source], "execution_count": count, "outputs": list(outputs)}


def display(kind, text="x"):
    "An output of the MIME type `kind`, as a notebook file holds it"
    return {"output_type": "display_data", "metadata": {}, "data": {kind: text.splitlines(True)}}


def console(*text):
    "Lines printed by a cell, as a notebook file holds them"
    return {"output_type": "stream", "name": "stdout", "text": list(text)}


def sources(path):
    "Type and source of each cell at `path`"
    return [(cell["cell_type"], "".join(cell["source"])) for cell in read(path)["cells"]]


# ---------------------------------------------------------------- what a reader sees after a run


PICTURE, TABLE = display("image/png"), display("text/html", "<table><tr><td>1</td></tr></table>")
BAR, ERROR = display("text/html", "<progress value=1>"), {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}


@pytest.mark.parametrize(
    "ran, stored, problem",
    [
        (cell(ERROR), cell(PICTURE), "cell 1 (go()): KeyError: 'x'"),
        (cell(count=None), cell(), "cell 1 (go()) did not run"),
        (cell(TABLE), cell(PICTURE, TABLE), "cell 1 (go()): 0 pictures, stored with 1"),
        (cell(PICTURE), cell(PICTURE, TABLE), "cell 1 (go()): 0 tables, stored with 1"),
        (cell(BAR, BAR, BAR, PICTURE), cell(PICTURE), "cell 1 (go()): its progress bars leave 3 lines behind"),
        (cell(console("\r 50%", "\r100%\n")), cell(), "cell 1 (go()): its progress bars leave 2 lines behind"),
    ],
)
def test_what_a_reader_would_miss_is_found(ran, stored, problem):
    assert list(places.run_problems({"cells": [ran]}, {"cells": [stored]})) == [problem]


def test_a_run_that_looks_as_stored_is_no_problem():
    ran, stored = cell(BAR, console("a\n", "b\n"), PICTURE, TABLE, count=7), cell(PICTURE, TABLE, count=None)
    assert list(places.run_problems({"cells": [ran]}, {"cells": [stored]})) == []


def test_an_unknown_notebook_is_refused_with_the_known_ones(tmp_path):
    notebook(tmp_path / "00_a.ipynb")
    with pytest.raises(ValueError, match="no such notebook: 09_none; there are: 00_a"):
        places.chosen(["09_none"], tmp_path)


@pytest.mark.parametrize("module", [lab_check, colab_check])
def test_the_quick_notebooks_exist(module):
    assert [path.stem for path in places.chosen(module.QUICK)]


def test_a_place_that_cannot_be_set_up_has_failed():
    def broken(paths):
        raise OSError("no disk")
        yield

    [outcome] = check.in_places("Colab", SimpleNamespace(QUICK=(), problems_of=broken))
    assert outcome.problems == ["OSError: no disk"]


# ---------------------------------------------------------------- JupyterLab


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_lab_opens_where_the_check_does():
    # `make test` runs this test: a make inside a make would announce the folder it leaves.
    done = subprocess.run(["make", "--no-print-directory", "-n", "lab"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].endswith(f"-m jupyterlab {lab_check.FRONT_PAGE}")


def test_another_front_page_is_found():
    def never(*arguments, **named):
        raise TimeoutError("Timeout 120000ms exceeded")

    page = SimpleNamespace(url="http://localhost/lab/tree/x.ipynb", goto=lambda url: None, wait_for_url=never)
    [problem] = lab_check.front_page_problems(page, "file:///opened.html")
    assert "not open on the front page, but on http://localhost/lab/tree/x.ipynb" in problem


@pytest.mark.parametrize(
    "counts, problem",
    [
        ([0, 1, 0], "the page shows 0 of 1 pictures"),
        ([1, 0, 0], "the page shows 0 of 1 tables"),
        ([1, 1, 2], "2 progress bars stay in the page"),
    ],
)
def test_what_the_page_does_not_show_is_found(counts, problem):
    left = iter(counts)
    page = SimpleNamespace(evaluate=lambda script: next(left))
    assert list(lab_check.page_problems(page, {"cells": [cell(PICTURE, TABLE)]})) == [problem]


def test_a_table_that_comes_in_two_forms_is_one_table():
    html = '<div><table class="fastprogress"><tr><th>epoch</th></tr></table></div>'
    both = {"output_type": "display_data", "metadata": {}, "data": {}}
    both["data"] = {"text/html": html, "text/plain": html, "text/markdown": html}
    left = iter([0, 1, 0])
    page = SimpleNamespace(evaluate=lambda script: next(left))
    assert list(lab_check.page_problems(page, {"cells": [cell(both)]})) == []


def test_a_notebook_that_is_being_written_is_not_read_yet(tmp_path):
    (tmp_path / "x.ipynb").write_text("")
    server = SimpleNamespace(folder=tmp_path)
    assert not lab_check.was_saved(server, "x.ipynb")
    notebook(tmp_path / "x.ipynb", "1")
    assert not lab_check.was_saved(server, "x.ipynb")
    (tmp_path / "x.ipynb").write_text(json.dumps({"cells": [cell(count=1)]}))
    assert lab_check.was_saved(server, "x.ipynb")


def test_a_notebook_that_another_one_writes_to_is_found(tmp_path):
    stored, ran = tmp_path / "stored", tmp_path / "nbs"
    for folder in (stored, ran):
        folder.mkdir()
        for name in ("00_a", "01_b", "02_c"):
            notebook(folder / f"{name}.ipynb", "1")
    notebook(ran / "01_b.ipynb", "2")
    (ran / "02_c.ipynb").unlink()
    found = list(lab_check.overwritten(stored / "00_a.ipynb", ran))
    assert found == [f"{name}.ipynb was changed by the run of 00_a.ipynb" for name in ("01_b", "02_c")]


def test_the_server_has_folders_of_its_own(tmp_path):
    env = lab_check.own_folders(tmp_path)
    own = [name for name, value in env.items() if value.startswith(str(tmp_path))]
    assert {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "FASTAI_HOME"} <= set(own)


def test_jupyterlab_shows_what_fails(tmp_path, monkeypatch):
    "A real JupyterLab: a notebook that runs, and one whose second cell fails"
    try:
        chromium()
    except (Missing, ImportError) as missing:
        pytest.skip(str(missing))
    nbs = tmp_path / "nbs"
    nbs.mkdir()
    good, bad = notebook(nbs / "index.ipynb", "1 + 1"), notebook(nbs / "05_bad.ipynb", "1", "1/0", "2")
    monkeypatch.setattr(lab_check, "NBS", nbs)
    results = [(path.stem, problems) for path, problems, _ in lab_check.problems_of([good, bad])]
    assert results == [
        ("index", []),  # where it opens
        ("index", []),
        ("05_bad", ["cell 3 (1/0): ZeroDivisionError: division by zero"]),
    ]


# ---------------------------------------------------------------- Colab


def test_every_notebook_has_the_same_installing_cell():
    assert {path.name: install_problem(read(path)) for path in in_order(NBS)} == {
        path.name: "" for path in in_order(NBS)
    }


def test_the_installing_cell_is_written_once_and_only_it_changes(tmp_path, capsys):
    for sample in (["1"], []):
        path = notebook(tmp_path / "05_sample.ipynb", *sample)
        before = sources(path)
        write_install_cell(path)
        assert "05_sample.ipynb" in capsys.readouterr().out
        assert sources(path) == [before[0], ("code", install_source()), *before[1:]]
        write_install_cell(path)
        assert capsys.readouterr().out == "" and install_problem(read(path)) == ""


def test_the_installing_cell_leaves_an_installed_library_alone():
    assert "mnist_nb" in sys.modules or subprocess.run([sys.executable, "-c", "import mnist_nb"]).returncode == 0
    exec(install_source(), {"get_ipython": lambda: pytest.fail("it installs what is there")})


def test_a_changed_host_is_found():
    before = {"torch": "2.11.0", "numpy": "2.1.3", "pip": "24.1"}
    assert list(colab_check.changes(before, {**before, "mnist_nb": "1.0", "seaborn": "0.13"})) == []
    assert list(colab_check.changes(before, {"torch": "2.14.1", "pip": "24.1"})) == [
        "torch 2.11.0 was there and is now 2.14.1",
        "numpy 2.1.3 was there and is now gone",
        "the installing cell did not install mnist_nb",
    ]


def test_the_host_holds_what_was_asked_for_and_nothing_else():
    names = {dist.name.lower().replace("_", "-") for dist in colab_check.closure(["torch", "fastai"])}
    assert {"torch", "fastai", "fastcore", "torchvision", "numpy", "pandas"} <= names
    assert not names & {"mnist-nb", "seaborn", "statsmodels", "torchmetrics", "nbdev", "jupyterlab"}


def test_a_notebook_that_fails_in_colab_is_found(tmp_path, monkeypatch):
    "A host of the kernel alone, and a notebook that installs nothing and needs the library"
    monkeypatch.setattr(colab_check, "HOST", ("ipykernel", "pip"))
    path = notebook(tmp_path / "05_sample.ipynb", "import sys", "import mnist_nb")
    (tmp_path / "run").mkdir()
    problems = colab_check.notebook_problems(path, tmp_path / "run", tmp_path / "none.gitconfig")
    assert problems == [
        "cell 3 (import mnist_nb): ModuleNotFoundError: No module named 'mnist_nb'",
        "the installing cell did not install mnist_nb",
    ]


def test_git_gets_the_working_tree_for_the_address_in_the_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(colab_check, "ROOT", tmp_path / "tree")
    shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(*NOT_SOURCE, "mnist", "*.ipynb"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(colab_check.make_repository(tmp_path / "repository")))
    [address] = [word.strip("')").removeprefix("git+") for word in install_source().split() if "git+" in word]
    subprocess.run(["git", "clone", "-q", address, tmp_path / "clone"], check=True)
    assert (tmp_path / "clone" / "pyproject.toml").read_bytes() == (ROOT / "pyproject.toml").read_bytes()


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize("requirement", lowest.declared())
def test_each_dependency_has_a_lower_bound_and_no_other(requirement):
    [bound] = Requirement(requirement).specifier
    assert bound.operator == ">=" and lowest.lowest(requirement).startswith(f"{Requirement(requirement).name}==")


@pytest.mark.parametrize("requirement", ["torch", "torch==2.3", "torch>=2.3,<3", "torch~=2.3"])
def test_other_bounds_are_refused(requirement):
    with pytest.raises(ValueError, match="expected a lower bound only"):
        lowest.lowest(requirement)


def test_a_marker_stays_with_its_constraint():
    assert lowest.lowest("smalldocs>=0.5; python_version >= '3.11'") == "smalldocs==0.5; python_version >= '3.11'"


def test_colab_has_all_that_the_bounds_ask_for():
    "So pip upgrades nothing there: it leaves alone what satisfies a bound"
    project = lowest.tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {found.name: found.specifier for found in map(Requirement, project["dependencies"])}
    too_old = {name: COLAB[name] for name in COLAB.keys() & needed if Version(COLAB[name]) not in needed[name]}
    assert not too_old


# ---------------------------------------------------------------- a learner's edits


@pytest.fixture
def folders(tmp_path, monkeypatch):
    "The course in a folder of its own, with two notebooks; nothing is exported and no site is built"
    nbs = tmp_path / "nbs"
    nbs.mkdir()
    monkeypatch.setattr(run_course, "ROOT", tmp_path)
    monkeypatch.setattr(run_course, "NBS", nbs)
    monkeypatch.setattr(run_course, "COURSE", tmp_path / "_course" / "nbs")
    monkeypatch.setattr(run_course, "export_library", lambda: "")
    monkeypatch.setattr(run_course, "build_site", lambda: "")
    monkeypatch.chdir(tmp_path)
    notebook(nbs / "00_a.ipynb", "x = 1", "x")
    notebook(nbs / "01_b.ipynb", "y = 2", "y")
    return nbs


def edit(path, source):
    "Save the notebook at `path` as JupyterLab does, its last cell edited and one cell of each kind added"
    nb = nbformat.read(path, as_version=4)
    nb.cells[-1].source = source
    nb.cells += [nbformat.v4.new_markdown_cell("My note"), nbformat.v4.new_raw_cell("raw"), nbformat.v4.new_code_cell()]
    nb.cells[-1].metadata["scrolled"] = True
    nbformat.write(nb, path)
    return sources(path)


def test_course_leaves_an_edited_notebook_alone(folders):
    edit(folders / "00_a.ipynb", "x + 41")
    before = {path.name: path.read_bytes() for path in in_order(folders)}
    assert run_course.main("course", []) == ""
    assert {path.name: path.read_bytes() for path in in_order(folders)} == before


def test_execute_changes_only_outputs(folders):
    mine = edit(folders / "00_a.ipynb", "x + 41")
    assert run_course.main("execute", []) == ""
    assert sources(folders / "00_a.ipynb") == mine
    assert "42" in json.dumps(read(folders / "00_a.ipynb")["cells"][2]["outputs"])


@pytest.mark.parametrize("mode", ["course", "execute"])
def test_a_run_that_fails_half_way_leaves_the_edited_notebook_alone(folders, mode):
    edit(folders / "00_a.ipynb", "x / 0")
    mine, other = (folders / "00_a.ipynb").read_bytes(), sources(folders / "01_b.ipynb")
    assert "1 of 2 notebooks failed" in run_course.main(mode, [])
    assert (folders / "00_a.ipynb").read_bytes() == mine and sources(folders / "01_b.ipynb") == other


def test_an_edited_copy_is_kept_and_named(folders, capsys):
    run_course.copy_notebooks()
    run_course.copy_notebooks()
    assert "edited" not in capsys.readouterr().out
    mine = edit(run_course.COURSE / "00_a.ipynb", "x + 41")
    run_course.copy_notebooks()
    said = capsys.readouterr().out
    [kept] = run_course.COURSE.parent.glob("edited-*/*.ipynb")
    assert sources(kept) == mine and "00_a.ipynb" in said and "01_b" not in said and str(kept.parent) in said
    assert sources(run_course.COURSE / "00_a.ipynb") == sources(folders / "00_a.ipynb")
