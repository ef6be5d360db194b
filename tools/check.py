"""Check everything: `make test`.

Each check prints a line, `ok` or `FAIL`, its name and its time, with what is wrong below it. A failure does not stop
the others. The last line is `N passed, N failed`, and the exit status is 1 if anything failed.
"""

import argparse
import atexit
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, wraps
from pathlib import Path

from notebooks import NBS, ROOT, append_solutions, copy_source, in_order, install_problem, read, stored_problems

BIN = Path(sys.executable).parent
WORKFLOWS = ROOT / ".github" / "workflows"
CELL_TIMEOUT = 1500  # seconds
WHEEL_LIMIT = 12_000_000  # bytes

WHEEL_PROBE = """
from mnist_nb.data import load_mnist
from mnist_nb.cnn import load_cnn, predict_probs
images, labels = load_mnist("test")
assert images.shape == (10_000, 28, 28) and labels.shape == (10_000,), (images.shape, labels.shape)
accuracy = (predict_probs(load_cnn(), images).argmax(1) == labels).mean()
assert accuracy > 0.98, f"the shipped weights get {accuracy:.2%} of the test images right"
"""


@dataclass
class Outcome:
    "What came of one check; `skipped` says why it could not be made, `notes` what else is worth knowing"

    name: str
    problems: list = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""
    notes: list = field(default_factory=list)

    def __str__(self):
        word = "skip" if self.skipped else "FAIL" if self.problems else "ok"
        details = [self.skipped] if self.skipped else [*self.problems, *self.notes]
        lines = [line for detail in details for line in detail.strip("\n").splitlines()]
        return "\n".join([f"{word:4}  {self.name}  {self.seconds:.1f} s", *(f"        {line}" for line in lines)])


def timed(name, check):
    "Make the outcome of `check`, which returns its problems; an error in it is one, too"
    start = time.monotonic()
    try:
        problems = list(check())
    except Exception as error:  # a check that breaks has failed, and the others still run
        problems = [f"{type(error).__name__}: {error}"]
    return Outcome(name, problems, time.monotonic() - start)


def run(*command, **kwargs):
    "Run `command`; returns what it printed as a problem if it failed, else nothing"
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        **kwargs,
    )
    return [done.stdout or f"{command[0]} ended with status {done.returncode}"] if done.returncode else []


def in_temporary_folder(check):
    "Give `check` an empty folder of its own, which is removed afterwards"

    @wraps(check)
    def checked():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return check(Path(folder))

    return checked


def files_in(folder):
    "Relative paths of all files below `folder`"
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def differences(before, after):
    "Which files of the folder `before` are missing, changed or new in the folder `after`"
    old, new = files_in(before), files_in(after)
    changed = {path for path in old & new if not filecmp.cmp(before / path, after / path, shallow=False)}
    for word, paths in [("removed", old - new), ("added", new - old), ("changed", changed)]:
        yield from (f"{word}: {path.as_posix()}" for path in sorted(paths))


def leaves_no_diff(command):
    "A check that `command` of nbdev changes nothing; it runs on a copy, so the working tree stays as it is"

    @in_temporary_folder
    def check(folder):
        before, after = copy_source(folder / "before"), copy_source(folder / "after")
        problems = run(BIN / command, cwd=after) or list(differences(before, after))
        return problems and [*problems, "mend it with: make export"]

    return check


def notebooks():
    "`nbdev-test` passes on each notebook with the solutions of its exercises, each in a process of its own"
    # Two notebooks at once on one thread each take less time than one after the other on two threads.
    env = {**os.environ, "OMP_NUM_THREADS": "1"}

    def test(path):
        command = [BIN / "nbdev-test", path, "--n-workers", "0", "--cell-timeout", CELL_TIMEOUT]
        return timed(f"nbdev-test {path.name}", lambda: run(*command, cwd=ROOT, env=env))

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ThreadPoolExecutor(2) as pool:
        # On a copy, since a solution may write files.
        paths = in_order(copy_source(Path(folder) / "tree") / NBS.name)
        for path in paths:
            append_solutions(path)
        yield from pool.map(test, paths)


def export():
    "`nbdev-export` leaves no diff"
    yield timed("nbdev-export leaves no diff", leaves_no_diff("nbdev-export"))


def clean():
    "`nbdev-clean` leaves no diff"
    yield timed("nbdev-clean leaves no diff", leaves_no_diff("nbdev-clean"))


def executed():
    "every notebook is stored as `make execute` ran it, with no error, warning or path of the machine"
    for path in in_order(NBS):
        yield timed(f"{path.name} is stored executed", lambda path=path: stored_problems(path))
        yield timed(f"{path.name} installs the library", lambda path=path: filter(None, [install_problem(read(path))]))


def site():
    "the site builds, has every page, and no dead link or missing image"

    def check():
        from build_site import check_site

        folder, failed = built_site()
        return failed or check_site(folder)

    yield timed("the site builds and is whole", check)


@cache
def built_site():
    "Build the site into a folder that goes when this process ends; returns the folder and what went wrong"
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    out = folder / "docs"
    return out, run(sys.executable, ROOT / "tools" / "build_site.py", "--out", out, cwd=ROOT)


def browser():
    "the site in Chromium, and by Lighthouse on three pages; `tools/site_browser.py --all` takes every page"
    from site_browser import CHECKS as PARTS

    for part in PARTS:
        yield in_browser(part)


def in_browser(part):
    "The outcome of one part of the browser check; it is skipped only where its tools cannot be had"
    from site_browser import Missing, check_in_browser, chromium, lighthouse

    said = []

    def check():
        folder, failed = built_site()
        if failed:
            return ["there is no site to look at; the check `site` says why"]
        problems, scores = check_in_browser(folder, part)
        said.extend(scores)
        return problems

    try:
        chromium()
        if part == "lighthouse":
            lighthouse()
    except Missing as missing:
        return Outcome(f"{part} in Chromium", skipped=str(missing))
    outcome = timed(f"{part} in Chromium", check)
    outcome.notes = said  # Lighthouse's scores, of which that for performance is only reported
    return outcome


def wheel():
    "the wheel is small enough, installs into a fresh environment, and its data and weights load there"

    @in_temporary_folder
    def check(folder):
        failed = run(
            sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, copy_source(folder / "tree")
        )
        if failed:
            return failed
        [built] = folder.glob("*.whl")
        if built.stat().st_size > WHEEL_LIMIT:
            return [f"{built.name} has {built.stat().st_size:,} bytes; the limit is {WHEEL_LIMIT:,}"]
        return wheel_problems(built, folder)

    yield timed("the wheel installs and works", check)


def wheel_problems(built, folder):
    "What goes wrong when the wheel `built` is used in a new environment below `folder`"
    python = folder / "venv" / BIN.name / Path(sys.executable).name
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return (
        run(sys.executable, "-m", "venv", folder / "venv")
        or run(python, "-m", "pip", "install", "-q", built, env=env)
        or run(python, "-m", "pip", "check", env=env)
        or run(python, "-c", WHEEL_PROBE, cwd=elsewhere, env=env)
    )


def lab():
    "the quick notebooks run in a real JupyterLab, from `make lab` on; `tools/lab_check.py --all` runs every one"
    import lab_check
    from site_browser import Missing, chromium

    try:
        chromium()
    except Missing as missing:
        yield Outcome("JupyterLab", skipped=str(missing))
    else:
        yield from in_places("JupyterLab", lab_check)


def colab():
    "the quick notebooks run as in Colab, without the library; `tools/colab_check.py --all` runs every one"
    import colab_check

    yield from in_places("Colab", colab_check)


def in_places(place, module):
    "The outcomes of the quick notebooks that `module` runs in `place`"
    from places import chosen

    try:
        for path, problems, seconds in module.problems_of(chosen(module.QUICK)):
            yield Outcome(f"{path.name} in {place}", problems, seconds)
    except Exception as error:  # a place that cannot be set up has failed, and the other checks still run
        yield Outcome(place, [f"{type(error).__name__}: {error}"])


def workflows():
    "the workflows pass `actionlint` and `zizmor`"
    if shutil.which("actionlint", path=BIN):
        files = sorted(WORKFLOWS.glob("*.yml"))
        yield timed("actionlint", lambda: run(BIN / "actionlint", *files))
    else:
        yield Outcome("actionlint", skipped="its package is made for Linux on x86_64 only")
    yield timed("zizmor", lambda: run(BIN / "zizmor", "--offline", "--no-progress", ROOT / ".github"))


def style():
    "`ruff` finds nothing in the library, the notebooks, the tools and the tests"
    yield timed("ruff check", lambda: run(BIN / "ruff", "check", "--quiet", ROOT))
    yield timed("ruff format", lambda: run(BIN / "ruff", "format", "--check", ROOT / "tools", ROOT / "tests"))


def tests():
    "pytest passes on what a notebook cell cannot test"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        failed = run(sys.executable, "-m", "pytest", "-q", "--junitxml", report, ROOT / "tests", cwd=ROOT)
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    if not cases:
        yield Outcome("pytest", failed or ["it found no tests"])
    for case in cases:
        yield test_outcome(case)


def test_outcome(case):
    "The outcome of one test, from its element in pytest's report"
    problems = [found.text or found.get("message") for kind in ("failure", "error") for found in case.findall(kind)]
    skipped = case.find("skipped")
    reason = "" if skipped is None else skipped.get("message", "skipped")
    return Outcome(f"{case.get('classname')}::{case.get('name')}", problems, float(case.get("time")), reason)


IN_ORDER = (style, workflows, executed, export, clean, tests, site, browser, notebooks, lab, colab, wheel)
CHECKS = {check.__name__: check for check in IN_ORDER}


def outcomes(names):
    "The outcomes of the checks called `names`, as they become known"
    with ThreadPoolExecutor(1) as background:
        # Installing the wheel mostly waits for the disk, so it goes on beside everything else.
        installed = background.submit(lambda: list(wheel())) if "wheel" in names else None
        for name in names:
            yield from installed.result() if name == "wheel" else CHECKS[name]()


def main(names):
    "Run the checks called `names`, print what comes of them, and return the exit status"
    counts = {"passed": 0, "failed": 0}
    for outcome in outcomes(names):
        print(outcome, flush=True)
        if not outcome.skipped:
            counts["failed" if outcome.problems else "passed"] += 1
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS), help="make only these checks")
    parser.add_argument("--list", action="store_true", help="list the checks")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:10} {check.__doc__}" for name, check in CHECKS.items()))
    else:
        sys.exit(main([name for name in CHECKS if name in arguments.only]))
