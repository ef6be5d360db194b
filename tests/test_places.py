"""Notebooks where a learner runs them: in a real JupyterLab, driven in Chromium, and on a host like Colab's.

Colab's host has torch, fastai and Jupyter's kernel, as hard links to what is installed here, and nothing of ours: the
notebook is alone in its folder, and its first cell installs the library from the working tree, by way of git.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from copy import deepcopy
from importlib.metadata import distribution
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.config import get_config
from packaging.requirements import Requirement

from conftest import shown, slow, write_notebook
from mnist_nb.playground import _MIME
from run import NBS, ROOT, cell_name, in_order, read, tidy_outputs
from test_interactive import draw_seven

NAMES = [path.stem for path in in_order(NBS)]
START, HOUR = 300, 3600  # seconds until a server or a page is there, and for one notebook


def seen(outputs):
    "How many pictures and how many tables a reader sees; fastprogress's tables come as text and Markdown, too"
    data = [output.get("data", {}) for output in outputs]
    pictures = sum("image/png" in kinds or "image/svg+xml" in kinds for kinds in data)
    return {"pictures": pictures, "tables": "".join(kinds.get("text/html", "") for kinds in data).count("<table")}


def run_problems(ran, stored):
    "What a reader would miss in `ran`, the notebook `stored` after all of its cells were run somewhere else"
    for i, cell in enumerate(stored.cells):
        name, outputs = cell_name(stored.cells, i), ran.cells[i].get("outputs", [])
        if errors := [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]:
            yield f"{name}: {errors[0]}"
            return  # nor did the cells after it
        if cell.cell_type == "code" and cell.source.strip() and not ran.cells[i].execution_count:
            yield f"{name} did not run"
            return
        now, before = seen(tidy_outputs(deepcopy(outputs))), seen(cell.get("outputs", []))
        yield from (f"{name}: {now[kind]} {kind}, stored {before[kind]}" for kind in now if now[kind] != before[kind])
        # A bar is redrawn in place; when it is done, its results table stays, and of the bar one line at most.
        text = "".join(output.get("text", "") + output.get("data", {}).get("text/html", "") for output in outputs)
        if (left := text.count("<progress") + text.replace("\r\n", "\n").count("\r")) > 1:
            yield f"{name}: its progress bars leave {left} lines behind"


# ---------------------------------------------------------------- JupyterLab

SETTINGS = {
    "jupyter_server_config.json": {
        "ServerApp": {"ip": "127.0.0.1", "allow_root": True, "open_browser": False},
        "ExtensionApp": {"open_browser": False},
    },
    # Every output is in the page, whether it is scrolled to or not.
    "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
}
PROMPTS = "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(e => e.textContent)"
SHOWN = """kind => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output')].flatMap(e => [...e
    .querySelectorAll(kind)]).filter(e => e.tagName != 'IMG' || e.complete && e.naturalWidth > 0).length"""
KINDS = {
    "pictures": "img, .jp-RenderedSVG svg",
    "tables": "table",
    "figures that answer": "div:not([class^=mf-]):has(> [class^=mf-])",
}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def wait_for(condition):
    "Wait until `condition()` is true, and return it"
    end = time.monotonic() + START
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {START} s"
        time.sleep(0.3)
    return found


def sessions(url, page):
    "The notebook of each session of JupyterLab at `url`, and the state of its kernel"
    found = page.request.get(f"{url}/api/sessions").json()
    return {session["id"]: (session["path"], session["kernel"]["execution_state"]) for session in found}


def run_in_lab(page, name):
    "Open the notebook called `name` in JupyterLab, run it from the menu, and return JupyterLab's address"
    url = page.url.split("/lab")[0]
    page.goto(f"{url}/lab/tree/{name}?reset")
    page.wait_for_selector(f"{PANEL} .jp-CodeCell")
    wait_for(lambda: (name, "idle") in sessions(url, page).values())
    page.click(".lm-MenuBar-item:has-text('Run')")
    page.click(".lm-Menu-item[data-command='runmenu:run-all']")
    page.wait_for_function(f"{PROMPTS}.some(text => /[*0-9]/.test(text))")
    page.wait_for_function(f"!{PROMPTS}.some(text => text.includes('*'))", timeout=HOUR * 1000)
    return url


def end_sessions(url, page):
    "Their kernels would keep their memory"
    for session in sessions(url, page):
        page.request.delete(f"{url}/api/sessions/{session}")


def lab_problems(page, nbs, name):
    "What goes wrong when the notebook called `name` is run in JupyterLab, from its menu, and saved"
    stored, path = {path: read(path) for path in in_order(nbs)}, nbs / name
    url = run_in_lab(page, name)
    before = path.stat().st_mtime_ns
    page.keyboard.press("ControlOrMeta+S")
    wait_for(lambda: path.stat().st_mtime_ns > before and path.read_bytes().endswith(b"}\n"))
    ran = read(path)
    yield from run_problems(ran, stored[path])
    # A figure that answers is shown in place of its picture.
    outputs = [output for cell in ran.cells for output in cell.get("outputs", [])]
    answering = [output for output in outputs if _MIME in output.get("data", {})]
    expected = seen([output for output in outputs if output not in answering])
    expected["figures that answer"] = len(answering)
    for kind, selector in KINDS.items():
        if (found := page.evaluate(SHOWN, selector)) < expected[kind]:
            yield f"the page shows {found} of {expected[kind]} {kind}"
    if bars := page.evaluate(SHOWN, "progress"):
        yield f"{bars} progress bars stay"
    for path, nb in stored.items():
        if [cell.source for cell in read(path).cells] != [cell.source for cell in nb.cells]:
            yield f"{path.name} was changed by the run of {name}"
    end_sessions(url, page)


@pytest.fixture(scope="session")
def jupyterlab(browser, tmp_path_factory):
    "A page of JupyterLab as `make lab` starts it, with a home of its own, and the folder with copies of the notebooks"
    if not shutil.which("make"):
        pytest.skip("make is missing: apt-get install make (Debian)")
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(NBS, home / "nbs", ignore=shutil.ignore_patterns(".*"))
    for name in ("Makefile", "pyproject.toml", "settings.ini"):
        shutil.copy(ROOT / name, home)
    for name, values in SETTINGS.items():
        (home / ".jupyter" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / ".jupyter" / name).write_text(json.dumps(values))
    others = ("JUPYTER", "IPYTHON", "XDG_", "MPLBACKEND", "FASTAI")
    env = {key: value for key, value in os.environ.items() if not key.startswith(others)} | {"HOME": str(home)}
    env["JUPYTER_TOKEN"] = token = secrets.token_hex()
    with (home / "log").open("w") as log:
        command = ["make", "lab", f"RUN={sys.executable}", "STAMP="]  # what is installed here
        process = psutil.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
    try:
        # What JupyterLab hands to the browser leads on to the notebook.
        opened = wait_for(lambda: [*home.rglob("jpserver-file-to-run-*.html")] or process.poll() is not None and [None])
        assert opened[0], (home / "log").read_text(errors="replace")
        allowed = {"Authorization": f"token {token}"}
        page = browser.new_page(viewport={"width": 1400, "height": 900}, extra_http_headers=allowed)
        page.set_default_timeout(START * 1000)
        page.on("dialog", lambda dialog: dialog.accept())  # a notebook that is left may have changed
        page.goto(opened[0].as_uri())
        page.wait_for_url("**/lab/tree/index.ipynb*")
        page.wait_for_selector(f"{PANEL} .jp-MarkdownCell h1")
        yield page, home / "nbs"
    finally:
        for child in [*process.children(recursive=True), process]:
            child.kill()
        process.wait()


@pytest.mark.parametrize("name", [name if name in ("index", "02_baseline") else slow(name) for name in NAMES])
def test_jupyterlab(jupyterlab, name):
    assert list(lab_problems(*jupyterlab, f"{name}.ipynb")) == []


def test_figures_answer_in_jupyterlab(jupyterlab):
    "By mouse, and by keys that JupyterLab takes for its own where it may"
    page, nbs = jupyterlab
    modules = ("convolution", "descent", "templates")
    show = [f"interactive({module!r})" for module in modules]
    path = write_notebook(nbs / "x_figures.ipynb", "from mnist_nb.playground import interactive", *show)
    url = run_in_lab(page, path.name)
    convolution, descent, templates = (page.locator(f"{PANEL} .jp-CodeCell").nth(i) for i in (1, 2, 3))

    def answer(figure, text):
        figure.locator("output", has_text=text).wait_for(timeout=10_000)

    convolution.get_by_label("Padding").click()
    answer(convolution, "Row 1, column 1: the nine products add up to 0.00. The map is 26 by 26.")
    convolution.get_by_label("Place").press("ArrowUp")
    answer(convolution, "Row 1, column 2:")
    convolution.get_by_label("Weight in row 2, column 2").fill("9")
    convolution.get_by_label("Place").fill(str(12 * 26 + 15))  # ink in the seven's stroke
    answer(convolution, "Row 13, column 16:")
    assert "add up to 0.00" not in convolution.locator("output").inner_text()
    descent.get_by_role("button", name="Step", exact=True).press("Enter")
    answer(descent, "After 1 step the loss is")
    chart = descent.locator("svg.mf-chart").first
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.55, "y": box["height"] * 0.5})
    answer(descent, "After 0 steps the loss is 0.")
    pad = templates.locator("canvas[tabindex]")
    draw_seven(page, templates, "keyboard")
    answer(templates, "Nearest is the mean 7")
    pad.press("Delete")
    answer(templates, "Nothing to compare yet")
    end_sessions(url, page)
    path.unlink()


def test_what_fails_in_jupyterlab_is_found(jupyterlab):
    page, nbs = jupyterlab
    other = write_notebook(nbs / "x_other.ipynb", "1")
    write = f"text = open({other.name!r}).read().replace('Sample', 'Changed')\nopen({other.name!r}, 'w').write(text)"
    show = "from IPython.display import HTML, Javascript\nHTML('<table></table>' + '<progress></progress>' * 2)"
    hide = "Javascript(\"document.querySelectorAll('.jp-OutputArea-output table').forEach(e => e.remove())\")"
    bad = write_notebook(nbs / "x_bad.ipynb", write, show, hide, "1/0", "2")
    nb = read(bad)
    nb.cells[1].outputs = [shown("", "image/png"), shown("<table>")]
    nbformat.write(nb, bad)
    found = list(lab_problems(page, nbs, bad.name))
    other.unlink(), bad.unlink()
    assert found == [
        "cell 2 (text = open('x_other.ipynb').read().replace('Sample', 'Changed')): 0 pictures, stored 1",
        "cell 2 (text = open('x_other.ipynb').read().replace('Sample', 'Changed')): 0 tables, stored 1",
        "cell 3 (from IPython.display import HTML, Javascript): its progress bars leave 2 lines behind",
        "cell 5 (1/0): ZeroDivisionError: division by zero",
        "the page shows 0 of 1 tables",
        "2 progress bars stay",
        "x_other.ipynb was changed by the run of x_bad.ipynb",
    ]


# ---------------------------------------------------------------- Colab


def required(names):
    "The installed distributions called `names`, and all that they require"
    todo, found = [Requirement(name) for name in names], {}
    while todo:
        requirement = todo.pop()
        if str(requirement) not in found:
            found[str(requirement)] = dist = distribution(requirement.name)
            needed, extras = map(Requirement, dist.requires or []), ["", *requirement.extras]
            todo += [r for r in needed if not r.marker or any(r.marker.evaluate({"extra": extra}) for extra in extras)]
    return found.values()


def make_host(folder, names):
    "Make an environment of the distributions `names` and of what they require, and a kernel of it; returns its Python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    [packages] = [path for path in folder.rglob("site-packages") if not path.is_symlink() and "lib64" not in path.parts]
    for file in {file for dist in required(names) for file in dist.files or []}:
        if ".." not in file.parts and file.locate().is_file():  # not the commands, which belong to another Python
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file.locate(), packages / file)
            except OSError:  # no hard links from here to there
                shutil.copy2(file.locate(), packages / file)
    kernel = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "host"}
    (folder / "kernels" / "host").mkdir(parents=True)
    (folder / "kernels" / "host" / "kernel.json").write_text(json.dumps(kernel))
    return python


def colab_problems(path, host, *names):
    "What goes wrong with the notebook at `path` on a new host of the distributions `names`, and what it changes there"
    python = make_host(host, names)
    hidden = ("PYTHONPATH", "PYTHONHOME", "MPLBACKEND", "VIRTUAL_ENV")
    env = {key: value for key, value in os.environ.items() if key not in hidden} | {"FASTAI_HOME": "fastai"}
    env |= {"IPYTHONDIR": "ipython", "PATH": f"{Path(python).parent}{os.pathsep}{env['PATH']}"}

    def pip(*arguments):
        return subprocess.run([python, "-m", "pip", *arguments], stdout=subprocess.PIPE, text=True, env=env).stdout

    before, nb = {found["name"]: found["version"] for found in json.loads(pip("list", "--format=json"))}, read(path)
    assert {"mnist_nb", "seaborn"}.isdisjoint(before)
    for cell in nb.cells:
        cell.update({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(nb, kernel_name="host", timeout=HOUR, resources=folder)
    with suppress(CellExecutionError), client.setup_kernel(env=env):
        for i, cell in enumerate(nb.cells):
            client.execute_cell(cell, i)
    yield from run_problems(nb, read(path))
    after, check = {f["name"]: f["version"] for f in json.loads(pip("list", "--format=json"))}, pip("check")
    yield from (f"{n} {v} was there, now {after.get(n)}" for n, v in before.items() if after.get(n) != v)
    if missing := [name for name in ("mnist_nb", "anywidget") if name not in after]:
        yield f"the installing cell did not install {' and '.join(missing)}"
    yield from [f"pip check: {check}"] * ("No broken requirements" not in check)


@pytest.fixture
def working_tree(repository, tmp_path, monkeypatch):
    "Git fetches the working tree for the address of the repository, and Jupyter finds the host's kernel"
    instead = {"KEY_0": f"url.{repository.as_uri()}.insteadOf", "VALUE_0": get_config(ROOT).git_url, "COUNT": "1"}
    for name, value in instead.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "host"))


@pytest.mark.parametrize("name", [name if name == "02_baseline" else slow(name) for name in NAMES])
def test_colab(working_tree, tmp_path, name):
    (tmp_path / "content").mkdir()
    path = Path(shutil.copy(NBS / f"{name}.ipynb", tmp_path / "content"))
    names = ("torch", "fastai", "accelerate", "ipykernel", "ipywidgets", "pip", "setuptools")  # as Colab has them
    assert list(colab_problems(path, tmp_path / "host", *names)) == []


def test_what_fails_in_colab_is_found(working_tree, tmp_path):
    remove = "get_ipython().run_line_magic('pip', 'uninstall -y -q tornado')"
    path = write_notebook(tmp_path / "content" / "sample.ipynb", "import sys", remove, "import mnist_nb")
    error, gone, missing, check = colab_problems(path, tmp_path / "host", "ipykernel", "pip")
    assert error == "cell 4 (import mnist_nb): ModuleNotFoundError: No module named 'mnist_nb'"
    assert "tornado" in gone and "now None" in gone and "did not install mnist_nb" in missing and "tornado" in check
