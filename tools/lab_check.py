"""Run notebooks in a real JupyterLab, driven in Chromium as a learner would: open, Run All Cells, look, save.

python tools/lab_check.py [--all] [NOTEBOOK ...]

The server starts as `make lab` starts it, on copies of the notebooks, with a port, a token and folders of its own, so
that the user's settings are neither used nor touched. What the kernel made is read from the saved notebook; what the
page shows is counted in the page.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from notebooks import NBS, ROOT, in_order, read
from places import clocked, code_cells, command_line, run_problems, seen
from site_browser import FLAGS, chromium

QUICK = ("index", "05_feature_maps")
# As in the Makefile: where `make lab` opens.
FRONT_PAGE = "nbs/index.ipynb"
START = 300  # seconds until the server and its page are there
RUN = 3600  # seconds for one notebook
SETTINGS = {
    # Every output is in the page, whether it is scrolled to or not.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # What is read back is what was saved when the run was over.
    "docmanager-extension/plugin": {"autosave": False},
}
PENDING = "document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')"


class LabError(Exception):
    "JupyterLab did not do what was asked of it in time"


@dataclass
class Server:
    "A running JupyterLab: its address, its token and the folder of notebooks that it serves"

    address: str
    token: str
    folder: Path

    def api(self, path, method="GET"):
        "What the server's REST interface answers at `path`"
        request = urllib.request.Request(
            f"{self.address}/api/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def kernel_of(self, name):
        "The state of the kernel of the notebook called `name`, `none` if it has none"
        found = [session for session in self.api("sessions") if session["path"] == name]
        return found[0]["kernel"]["execution_state"] if found else "none"

    def stop_kernels(self):
        "End every kernel, to free its memory"
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")


def wait_for(condition, what, seconds):
    "Wait until `condition()` is true; `LabError` naming `what` after `seconds`"
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"waited {seconds} s for {what}")
        time.sleep(0.5)


def free_port():
    "A port that nothing listens on"
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def own_folders(folder):
    "The environment of a server that keeps settings, run-time files and fastai's data below `folder`, and only there"
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "FASTAI_HOME": "fastai",
    }
    env = {**os.environ, **{name: str(folder / place) for name, place in places.items()}}
    for name in ("MPLBACKEND", "JUPYTER_CONFIG_PATH", "JUPYTER_TOKEN"):
        env.pop(name, None)
    # As in the Makefile.
    return {**env, "PYTHONWARNINGS": "ignore:`torch.jit.script` is deprecated:FutureWarning"}


@contextmanager
def lab(folder):
    "Start JupyterLab as `make lab` does, on copies below `folder`; gives the server and the page that it would open"
    for name in ("nbs", "stored"):  # the one to run, the other to compare with
        shutil.copytree(NBS, folder / name, ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "settings.ini", folder)
    env = {**own_folders(folder), "JUPYTER_TOKEN": secrets.token_hex(16)}
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", FRONT_PAGE, "--no-browser", f"--port={port}"]
    options = ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--allow-root", "--log-level=ERROR"]
    server = Server(f"http://127.0.0.1:{port}", env["JUPYTER_TOKEN"], folder / "nbs")
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], cwd=folder, env=env, stdout=log, stderr=log)
        try:
            wait_for(lambda: is_up(server, process, folder), "JupyterLab to start", START)
            yield server, opened_page(folder)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_up(server, process, folder):
    "Does the `server` answer? `LabError` with its log if its `process` has ended"
    if process.poll() is not None:
        raise LabError(f"JupyterLab ended: {(folder / 'server.log').read_text(errors='replace')[-2000:]}")
    try:
        return bool(server.api("status"))
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def opened_page(folder):
    "The file that JupyterLab hands to the browser when it starts; it leads on to the notebook"
    [found] = (folder / "runtime").glob("jpserver-file-to-run-*-open.html")
    return found.as_uri()


def front_page_problems(page, opened):
    "What is wrong with where `make lab` opens: it should be the front page, in the folder of the notebooks"
    page.goto(opened)
    try:
        page.wait_for_url("**/lab/tree/index.ipynb*", timeout=START * 1000)
        page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-MarkdownCell h1", timeout=START * 1000)
    except Exception as error:  # Playwright's own, whose import is slow
        return [f"make lab does not open on the front page, but on {page.url}: {first_line(error)}"]
    return []


def first_line(error):
    "The first line of what `error` says"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def run_all_cells(page, server, name):
    "Open the notebook called `name`, run all its cells from the menu, wait for the kernel, save, and read it back"
    page.goto(f"{server.address}/lab/tree/{urllib.parse.quote(name)}?reset&token={server.token}")
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell", timeout=START * 1000)
    wait_for(lambda: server.kernel_of(name) == "idle", f"the kernel of {name} to start", START)
    page.click("#jp-mainmenu-run, .lm-MenuBar-item:has-text('Run')")
    page.click(".lm-Menu-item[data-command='runmenu:run-all']")
    page.wait_for_function(f"[...{PENDING}].some(p => /[*0-9]/.test(p.textContent))", timeout=START * 1000)
    wait_for(lambda: is_done(page, server, name), f"{name} to run", RUN)
    page.click(".lm-MenuBar-item:has-text('File')")
    page.click(".lm-Menu-item[data-command='docmanager:save']")
    wait_for(lambda: was_saved(server, name), f"{name} to be saved", START)
    return read(server.folder / name)


def is_done(page, server, name):
    "Does no cell wait any more, and is the kernel idle?"
    waiting = page.evaluate(f"[...{PENDING}].filter(p => p.textContent.includes('*')).length")
    return not waiting and server.kernel_of(name) in ("idle", "dead", "none")


def was_saved(server, name):
    "Are there the marks of a run in the file of the notebook called `name`?"
    try:
        nb = read(server.folder / name)
    except json.JSONDecodeError:  # it is being written
        return False
    return any(nb["cells"][i]["execution_count"] for i in code_cells(nb))


def page_problems(page, ran):
    "What the page does not show of the notebook `ran`, and what of its progress bars is left in it"
    outputs = [output for i in code_cells(ran) for output in ran["cells"][i]["outputs"]]
    expected = seen(outputs)["pictures"]
    shown = page.evaluate(
        "[...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output img, .jp-Notebook .jp-RenderedSVG svg')]"
        ".filter(e => e.tagName != 'IMG' || e.complete && e.naturalWidth > 0).length"
    )
    if shown < expected:
        yield f"the page shows {shown} of {expected} pictures"
    tables = page.evaluate("document.querySelectorAll('.jp-Notebook .jp-OutputArea-output table').length")
    if tables < seen(outputs)["tables"]:
        yield f"the page shows {tables} of {seen(outputs)['tables']} tables"
    bars = page.evaluate("document.querySelectorAll('.jp-Notebook .jp-OutputArea-output progress').length")
    if bars:
        yield f"{bars} progress bars stay in the page"


def notebook_problems(page, server, path):
    "What goes wrong when the notebook stored at `path` is run in the `page`"
    try:
        ran = run_all_cells(page, server, path.name)
        problems = [*run_problems(ran, read(path)), *page_problems(page, ran)]
    except Exception as error:  # Playwright's errors, and ours
        problems = [f"{type(error).__name__}: {first_line(error)}"]
    server.stop_kernels()
    return [*problems, *overwritten(path, server.folder)]


def overwritten(path, folder):
    "Notebooks in `folder` whose text was changed by running the one at `path`: a learner may have edited them"
    for other in in_order(path.parent):
        if other.name != path.name and sources(other) != sources(folder / other.name):
            yield f"{other.name} was changed by the run of {path.name}"


def sources(path):
    "What a learner may have edited in the notebook at `path`: the source of each cell"
    return [cell["source"] for cell in read(path)["cells"]] if path.is_file() else None


def problems_of(paths):
    "For each notebook of `paths`: its path, what goes wrong with it, and how long it took"
    from playwright.sync_api import sync_playwright

    browser_path = chromium()
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
        with lab(Path(folder).resolve()) as (server, opened), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            # A notebook that is left may have changed; nobody is there to answer.
            page.on("dialog", lambda dialog: dialog.accept())
            yield NBS / Path(FRONT_PAGE).name, *clocked(lambda _: front_page_problems(page, opened), None)
            for path in paths:
                stored = server.folder.parent / "stored" / path.name
                yield path, *clocked(lambda path: notebook_problems(page, server, path), stored)
            browser.close()


if __name__ == "__main__":
    sys.exit(command_line(__doc__, QUICK, problems_of))
