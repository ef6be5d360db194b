"""The runner and the checks, on notebooks of a few cells."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

import check
import run_course
from notebooks import (
    NBS,
    append_solutions,
    evaluated,
    fingerprint,
    in_order,
    output_problems,
    read,
    sign,
    solutions,
    stored_problems,
    tidy_outputs,
)


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    "The folder where the runner puts its copies, kept out of the repository"
    monkeypatch.setattr(run_course, "COURSE", tmp_path / "_course" / "nbs")


@pytest.fixture
def notebook(tmp_path):
    "A function that writes a notebook with one code cell for each source"

    def write(*sources, name="05_sample", markdown="# Sample"):
        nb = nbformat.v4.new_notebook()
        nb.cells = [nbformat.v4.new_markdown_cell(markdown), *map(nbformat.v4.new_code_cell, sources)]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(nb, path)
        return path

    return write


def outputs(path):
    "The outputs of each code cell stored at `path`"
    return [cell["outputs"] for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def stream(text, name="stdout"):
    "A stream output"
    return {"output_type": "stream", "name": name, "text": text}


def html(text):
    "An output shown as HTML"
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text, "text/plain": "text"}}


def test_run_stores_outputs_and_counts_in_order(notebook):
    path = notebook("x = 1", "#| eval: false\n1/0", "x + 1", "print('Headline: 1'); print('Headline: 99.1%')")
    run_course.run_notebook(path)
    cells = read(path)["cells"][1:]
    assert [cell["execution_count"] for cell in cells] == [1, None, 2, 3]
    assert [len(found) for found in outputs(path)] == [0, 0, 1, 1]
    assert run_course.headline(path) == "99.1%"
    assert stored_problems(path) == []


def test_skip_exec_runs_nothing(notebook):
    path = notebook("1/0", markdown="---\ntitle: Sample\nskip_exec: true\n---")
    run_course.run_notebook(path)
    assert evaluated(path) == [] and stored_problems(path) == []


def test_failure_names_notebook_cell_and_error_and_stores_nothing(notebook, capsys):
    path = notebook("x = 1", "#| hide\ny = x / 0", "print('never')")
    before = path.read_bytes()
    result = run_course.run(path, "[1/1] 05_sample")
    assert result.error == "05_sample.ipynb, cell 3 (y = x / 0): ZeroDivisionError: division by zero"
    assert path.read_bytes() == before
    assert "FAILED" in capsys.readouterr().out


def test_an_exported_cell_that_is_no_python_is_a_sentence(monkeypatch):
    monkeypatch.setattr(run_course, "nbdev_export", lambda: compile("def f(: pass", "cell", "exec"))
    message = run_course.export_library()
    assert message.startswith("The library was not exported") and "def f(: pass" in message


def test_a_second_run_in_the_same_folder_waits_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(run_course, "COURSE", tmp_path / "_course" / "nbs")
    monkeypatch.setattr(run_course, "main", lambda mode, names: run_course.alone(mode, names))
    assert "Another run" in run_course.alone("execute", [])
    monkeypatch.setattr(run_course, "main", lambda mode, names: "")
    assert run_course.alone("execute", []) == ""


def test_lost_kernel_is_a_failure(notebook):
    result = run_course.run(notebook("import os; os._exit(1)"), "[1/1] 05_sample")
    assert result.error.startswith("05_sample.ipynb, cell 2 (import os; os._exit(1)): DeadKernelError")


def test_store_replaces_the_notebook_with_a_clean_one(notebook, tmp_path):
    path, target = notebook("object()"), tmp_path / "stored.ipynb"
    target.write_bytes(path.read_bytes())
    assert not run_course.run(path, "[1/1] 05_sample", target).error
    before = target.read_bytes()
    run_course.nbdev_clean(str(target))
    assert target.read_bytes() == before and b"0x" not in before
    assert not path.exists() and len(outputs(target)[0]) == 1


def test_an_edit_made_during_the_run_is_kept(notebook, tmp_path):
    path, target = notebook("1"), tmp_path / "stored.ipynb"
    target.write_text("edited meanwhile")
    result = run_course.run(path, "[1/1] 05_sample", target)
    assert "edited while it ran" in result.error and target.read_text() == "edited meanwhile"


def test_progress_without_a_terminal_prints_few_lines(notebook, capsys):
    run_course.run(notebook("1", "2", "3"), "[1/1] 05_sample")
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/1] 05_sample … starting") and "done in" in last


def test_summary_shows_time_headline_and_failure(capsys):
    run_course.print_summary(
        [run_course.Run("03_cnn", 65, headline="99.1%"), run_course.Run("index", 1, error="index.ipynb, cell 2: Boom")]
    )
    text = capsys.readouterr().out
    assert "03_cnn     1:05  99.1%" in text and "index      0:01  FAILED" in text and "cell 2: Boom" in text


def test_unknown_notebook_is_refused_with_the_known_ones(notebook, tmp_path, monkeypatch):
    notebook("1")
    monkeypatch.setattr(run_course, "COURSE", tmp_path)
    with pytest.raises(SystemExit, match="No such notebook: 09_none. There are: 05_sample."):
        run_course.choose(["09_none"])


def test_notebooks_are_read_in_order(tmp_path):
    for name in ("index", "reference", "01_b", "00_a", "_hidden"):
        (tmp_path / f"{name}.ipynb").touch()
    assert [path.stem for path in in_order(tmp_path)] == ["00_a", "01_b", "reference", "index"]


def test_tidy_removes_bars_and_keeps_the_results_table():
    table = html('<div><table class="fastprogress"><tr><td>0.5</td></tr></table></div>')
    bars = [html("\n<style>\n    progress { border: none }</style>"), html("<div><progress value=1></div>"), html("")]
    assert tidy_outputs([*bars, table]) == [table]


def test_tidy_merges_streams_and_removes_console_progress():
    found = tidy_outputs(
        [stream("a\n"), stream("\r 50%"), stream("\r100%\n"), stream("b\n"), stream("\r1/1\n", "stderr")]
    )
    assert found == [stream("a\nb\n")]


@pytest.mark.parametrize(
    "output, problem",
    [
        ({"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}, "KeyError"),
        (stream("be careful\n", "stderr"), "stderr"),
        (stream("lib.py:3: UserWarning: old\n"), "warning"),
        (stream("saved to /home/ada/model\n"), "/home/ada/model"),
        (html("<td>C:\\Users\\Ada\\x</td>"), "C:\\Users"),
    ],
)
def test_output_problems_are_found(output, problem):
    nb = {"cells": [{"cell_type": "code", "source": ["go()"], "outputs": [output]}]}
    [found] = output_problems(nb)
    assert found.startswith("cell 1 (go()): ") and problem in found


def test_harmless_outputs_are_no_problem():
    fine = [stream("https://docs.fast.ai/home/x mnist_png/training/3\n"), html("<td>0.5</td>")]
    assert output_problems({"cells": [{"cell_type": "code", "source": ["go()"], "outputs": fine}]}) == []


def change(nb, what):
    "Edit the executed notebook `nb` in one of the ways in which it stops being what was run"
    cells = nb["cells"]
    if what == "edited":
        cells[1]["source"] = ["x = 2"]
    elif what == "reordered":
        cells[1], cells[2] = cells[2], cells[1]
    elif what == "outputs cleared":
        cells[2]["outputs"] = []
    elif what == "never run":
        nb["metadata"].clear()


@pytest.mark.parametrize("what", ["edited", "reordered", "outputs cleared", "never run"])
def test_a_notebook_that_is_not_as_it_was_run_is_found(notebook, what):
    path = notebook("x = 1", "x")
    run_course.run_notebook(path)
    nb = read(path)
    change(nb, what)
    path.write_text(json.dumps(nb), encoding="utf-8")
    assert stored_problems(path) == ["not stored as it was last run: make execute NB=05_sample"]


def test_a_source_that_is_one_string_is_found(notebook):
    path = notebook("x = 1")
    nb = read(path)
    nb["cells"][1]["source"] = "x = 1"
    sign(nb, evaluated(path))
    path.write_text(json.dumps(nb), encoding="utf-8")
    assert stored_problems(path) == ["cell 2 (x = 1): its source is not a list of lines"]


def test_fingerprint_does_not_depend_on_how_text_is_stored():
    cells = [{"source": source, "outputs": []} for source in ("a\nb", ["a\n", "b"])]
    assert fingerprint({"cells": cells}, [0]) == fingerprint({"cells": cells}, [1])


def test_solutions_run_after_the_last_cell(notebook):
    block = "```python\n{}\n```\n"
    folded = '::: {.callout-note collapse="true" title="Solutions"}\n' + block.format("x + 1\n\nx/0") + ":::\n"
    path = notebook("x = 1", markdown=f"# Sample\n\n{block.format('no code to run')}\n{folded}\nThe end.")
    append_solutions(path)
    assert ["".join(cell["source"]) for cell in read(path)["cells"][1:]] == ["x = 1", "x + 1\n\nx/0\n"]
    assert "ZeroDivisionError" in run_course.run(path, "[1/1] 05_sample").error


def test_every_chapter_has_solutions():
    chapters = [path for path in in_order(NBS) if path.stem[0].isdigit()]
    assert len(chapters) >= 10
    for path in chapters:
        assert len(solutions(read(path))) == 1, path.name


def test_differences_between_folders(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, files in {
        before: {"same": "1", "old": "1", "x": "1"},
        after: {"same": "1", "x": "2", "new": "1"},
    }.items():
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    assert list(check.differences(before, after)) == ["removed: old", "added: new", "changed: x"]


def test_a_check_that_breaks_has_failed():
    def broken():
        raise RuntimeError("no disk")

    outcome = check.timed("a check", broken)
    assert outcome.problems == ["RuntimeError: no disk"] and str(outcome).startswith("FAIL  a check")


def test_a_command_that_fails_is_shown():
    [problem] = check.run(sys.executable, "-c", "import sys; print('what went wrong'); sys.exit(3)")
    assert problem.strip() == "what went wrong"
    assert check.run(sys.executable, "-c", "pass") == []


def test_checks_count_what_passed_and_failed(monkeypatch, capsys):
    results = [check.Outcome("a"), check.Outcome("b", ["wrong"]), check.Outcome("c", skipped="not here")]
    monkeypatch.setattr(check, "outcomes", lambda names: results)
    assert check.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert [line.split()[0] for line in lines[:-1]] == ["ok", "FAIL", "wrong", "skip", "not"]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for an old Python is a shell script")
def test_make_refuses_an_old_python_in_one_sentence(tmp_path):
    old = tmp_path / "python-old"
    # Stands in for an old interpreter: the same check runs, on a lower version.
    old.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 9); exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "-C", check.ROOT, f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "course"],
        capture_output=True,
        text=True,
    )
    assert done.returncode and "needs Python 3.10 or newer" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "venv").exists()
