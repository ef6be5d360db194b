"The runner on notebooks of a few cells: what it stores, what it says, and that a stopped run leaves nothing behind."

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO

import nbformat
import psutil
import pytest
from filelock import FileLock
from nbdev.clean import nbdev_clean

from conftest import printed, shown, write_notebook
from run import INSTALL, ROOT, fingerprint, read, tidy_outputs, write_install_cell


@pytest.fixture
def course(tmp_path, monkeypatch):
    "The runner, as a module, of a course of two notebooks in a folder of its own"
    files = {"mnist_nb/__init__.py": "__version__ = '1'", "tools/site/build.py": "open('built', 'w')"}
    files |= {name: (ROOT / name).read_text("utf-8") for name in ("pyproject.toml", "settings.ini", "tools/run.py")}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_notebook(tmp_path / "nbs" / "00_a.ipynb", "x = 1", "x")
    write_notebook(tmp_path / "nbs" / "01_b.ipynb", "y = 2", "y")
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("course_runner", tmp_path / "tools" / "run.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def stored(course):
    return {path.name: path.read_bytes() for path in course.NBS.iterdir()}


def sources(path):
    return [(cell.cell_type, cell.source) for cell in read(path).cells]


def outputs(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    return [[output.get("text") or output.data["text/plain"] for output in cell.outputs] for cell in cells]


def edit(path, source):
    "Save the notebook at `path` as a reader does: its last cell edited, and one cell of each kind added"
    nb = read(path)
    nb.cells[-1].source = source
    nb.cells += [nbformat.v4.new_markdown_cell("My note"), nbformat.v4.new_raw_cell("raw"), nbformat.v4.new_code_cell()]
    nbformat.write(nb, path)
    return sources(path)


def test_execute_stores_clean_outputs_and_nothing_else(course, capsys):
    here = "import os; print(os.environ['OMP_NUM_THREADS'], open('../settings.ini').read(8))"
    last = "print('Headline: 1'); print('Headline: 99.1%')"
    path = write_notebook(course.NBS / "00_a.ipynb", "x = 1", "#| eval: false\n1/0", here, "object()", last, "")
    before = edit(path, "#| slow\nx + 41")
    assert course.main("execute", []) == "" and sources(path) == before and not os.path.exists("built")
    [[], [], said, [shown], _, slow, []] = outputs(path)
    assert said == ["1 # The co\n"] and "0x" not in shown and slow == ["42"]
    assert read(path).metadata.mnist_nb.executed == fingerprint(read(path), [1, 3, 4, 5, 6])
    text = path.read_bytes()
    nbdev_clean(str(path))
    lines = capsys.readouterr().out.splitlines()
    assert path.read_bytes() == text and "[1/2] 00_a starts" in lines
    assert [line for line in lines if line.startswith("00_a ") and line.endswith("  99.1%")]


def test_course_leaves_what_is_stored_alone_and_builds_the_site(course):
    assert course.main("course", ["09_none"]) == "No such notebook: 09_none. There are: 00_a, 01_b."
    edit(course.NBS / "00_a.ipynb", "x + 41")
    before = stored(course)
    process = start(course, "course")
    assert (process.communicate()[1].strip(), process.returncode) == ("", 0) and os.path.exists("built")
    assert stored(course) == before and outputs(course.COURSE / "00_a.ipynb")[1] == ["42"]


@pytest.mark.parametrize("mode", ["course", "execute"])
@pytest.mark.parametrize(
    "source, error, other",
    [
        ("x / 0", "FAILED: 00_a.ipynb, cell 3 (x / 0): ZeroDivisionError: division by zero", ""),
        ("os._exit(1)", "FAILED: 00_a.ipynb, cell 3 (os._exit(1)): DeadKernelError", ""),
        ("#| export\ndef f(: pass", "cell 3 (def f(: pass): SyntaxError", "The library was not exported, since a cell"),
        ("open('../../nbs/00_a.ipynb', 'a').write(' ')", "00_a.ipynb was edited while it ran", ""),
    ],
)
def test_a_failure_is_named_and_stores_nothing(course, capsys, mode, source, error, other):
    path = write_notebook(course.NBS / "00_a.ipynb", "#| default_exp a\nimport os; x = 1", f"#| hide\n{source}", "1")
    said = course.main(mode, [])
    if mode == "course" and "edited" in error:
        assert said == "" and os.path.exists("built")
    else:
        assert "1 of 2 notebooks failed" in said and other in said and error in capsys.readouterr().out
    assert outputs(path) == [[], [], []]
    assert outputs(course.NBS / "01_b.ipynb") == [[], ["2"] if mode == "execute" else []]


def test_an_edited_copy_is_kept_and_named(course, capsys):
    course.copy_notebooks()
    course.copy_notebooks()
    assert "edited" not in capsys.readouterr().out
    mine = edit(course.COURSE / "00_a.ipynb", "x + 41")
    course.copy_notebooks()
    said, [kept] = capsys.readouterr().out, course.COURSE.parent.glob("edited-*/*.ipynb")
    assert sources(kept) == mine and "00_a.ipynb" in said and "01_b" not in said and str(kept.parent) in said
    assert sources(course.COURSE / "00_a.ipynb") == sources(course.NBS / "00_a.ipynb")


def test_two_run_at_once_the_longest_first(course, monkeypatch):
    wait = "import pathlib, time\npathlib.Path('{}').touch()\nwhile not pathlib.Path('{}').exists(): time.sleep(.1)"
    write_notebook(course.NBS / "00_a.ipynb", wait.format("a", "b"), "time.sleep(1.5)")
    write_notebook(course.NBS / "01_b.ipynb", wait.format("b", "a"))
    monkeypatch.setattr(sys, "stdout", terminal := StringIO())
    terminal.isatty = lambda: True
    monkeypatch.setattr(course, "CELL_TIMEOUT", 60)
    monkeypatch.setattr(course, "LONGEST", ("01_b",))
    assert course.main("course", []) == ""
    lines = terminal.getvalue().split("\r\x1b[K")  # on a terminal the last line is drawn over
    assert lines[1] == "[1/2] 01_b starts\n" and [line for line in lines if line.endswith("  00_a at cell 3 of 3")]


def start(course, mode="execute"):
    command = [sys.executable, course.__file__, mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_no_kernel_and_stores_nothing(course, number):
    note = (
        "pids = [os.getpid(), subprocess.Popen(['sleep', '600']).pid]\nopen('pids', 'w').write('{} {}'.format(*pids))"
    )
    write_notebook(course.NBS / "01_b.ipynb", f"import os, subprocess, time\n{note}", "time.sleep(600)")
    before, process, noted = stored(course), start(course), course.COURSE / "pids"
    while not (noted.exists() and noted.read_text() and b"executed" in (course.COURSE / "00_a.ipynb").read_bytes()):
        assert process.poll() is None
        time.sleep(0.2)
    kernels = [psutil.Process(int(pid)) for pid in noted.read_text().split()]
    process.send_signal(number)
    said, error = process.communicate(timeout=20)
    assert process.returncode == 128 + number and error.strip().startswith("Stopped.") and "Traceback" not in said
    _, alive = psutil.wait_procs(kernels, timeout=10)
    assert [kernel for kernel in alive if kernel.status() != psutil.STATUS_ZOMBIE] == [] and stored(course) == before


def test_a_second_run_in_the_same_folder_is_refused(course):
    course.COURSE.mkdir(parents=True)
    with FileLock(course.COURSE.parent / "running.lock"):
        process = start(course)
        assert "Another run is working in _course/" in process.communicate()[1] and process.returncode == 1


def test_tidy_removes_bars_keeps_the_results_table_and_merges_streams():
    table = shown('<div><table class="fastprogress"><tr><td>0.5</td></tr></table></div>')
    table.data["text/markdown"] = "once more"
    bars = map(shown, ["\n<style>\n    progress { border: none }</style>", "<div><progress value=1></div>", ""])
    streams = map(printed, ["a\n", "\r 50%", "\r100%\n", "b\n"])
    assert tidy_outputs([*bars, table, *streams, printed("\r1/1\n", "stderr")]) == [table, printed("a\nb\n")]
    assert "text/markdown" not in table.data


def test_the_installing_cell_is_written_once_and_leaves_an_installed_library_alone(tmp_path):
    for cells in ([f"{INSTALL}  # an older one", "1"], [INSTALL, "1"], ["1"]):
        path = write_notebook(tmp_path / "a.ipynb", *cells)
        old = [cell.id for cell in read(path).cells[:-1]]
        write_install_cell(path)
        assert sources(path) == [("markdown", "# Sample"), ("code", INSTALL), ("code", "1")]
        assert [cell.id for cell in read(path).cells[: len(old)]] == old
    exec(INSTALL, {"get_ipython": lambda: pytest.fail("it installs what is there")})


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="make is missing: apt-get install make")
def test_make_refuses_an_old_python_in_one_sentence(tmp_path):
    folder, old = tmp_path / "Ein Kurs für Łódź", tmp_path / "python-old"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    # Stands in for an old interpreter: the same check runs, on a lower version.
    fake = f'"{sys.executable}" -c "import sys; sys.version_info = (3, 9); exec(sys.argv[1])" "$2"'
    old.write_text(f"#!/bin/sh\nexec {fake}\n")
    old.chmod(0o755)
    done = subprocess.run(["make", "-C", folder, f"PYTHON={old}", "course"], capture_output=True, text=True)
    assert done.returncode and "needs Python 3.10 or newer" in done.stderr and "Traceback" not in done.stderr
    assert not (folder / ".venv").exists()
