"""Build the course's site from its executed notebooks.

    python tools/build_site.py [--nbs nbs] [--out _docs]    build
    python tools/build_site.py --check _docs                only check a built site

nbdev processes the notebooks (links to names, documentation tables, hidden cells), site_notebooks.py makes
them fit for both renderers, and Quarto renders them where it is installed, smalldocs where it is not. The
new site takes the old one's place only when it is whole: a failed build leaves the old site as it was.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from fastcore.nbio import read_nb, write_nb
from nbdev.config import get_config
from nbdev.serve import proc_nbs

from site_check import check_site, is_remote, page_names, page_text
from site_notebooks import Site, process_notebook

ROOT = Path(__file__).resolve().parents[1]
WARNING = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
REMOTE_IMPORT = re.compile(r"""@import\s+(?:url\()?\s*["']?(?:https?:)?//[^;]*;""")
LANDMARKS = {  # a name for each navigation, since a page with several needs them told apart
    "nav.navbar": "Site",
    "nav.quarto-secondary-nav": "Menu",
    "nav#quarto-sidebar": "Chapters",
    "nav#TOC": "On this page",
    "nav.page-navigation": "Previous and next",
    ".quarto-title-breadcrumbs": "Breadcrumbs",
}


class SiteError(Exception):
    "The site could not be built; the message says why and what to do."


# ---------------------------------------------------------------- staging


def site_config(
    nbs: Path,  # the folder of the notebooks
) -> Site:  # the site's pages and addresses
    "Read the site's addresses from pyproject.toml, by nbdev's own configuration."
    cfg = get_config(nbs)
    url = f"{cfg.doc_host}{cfg.doc_baseurl}".rstrip("/") + "/" if cfg.doc_host else ""
    return Site(page_names(nbs), url, cfg.git_url, cfg.branch)


def project_metadata(
    site: Site,  # the site's addresses
) -> dict:  # the part of the renderers' configuration that pyproject.toml determines
    "Write what nbdev.yml holds: the site's address and a link to the repository."
    source = {"text": "Source", "icon": "github", "href": site.repository}
    return {"website": {"site-url": site.url, "repo-url": site.repository, "navbar": {"right": [source]}}}


def stage(
    cache: Path,  # the notebooks as nbdev processed them
    folder: Path,  # where to put the renderers' input; emptied first
    site: Site,  # the site
) -> None:
    "Make the folder that both renderers read: processed notebooks under their pages' names, pictures, configuration."
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(cache, folder, ignore=shutil.ignore_patterns("*.ipynb", folder.name))
    for notebook, html in site.pages.items():
        nb = read_nb(cache / notebook)
        page = process_notebook(nb, notebook, site)
        write_nb(nb, (folder / html).with_suffix(".ipynb"))
        for name, data in page.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
    config = folder / "_quarto.yml"
    text = config.read_text(encoding="utf-8")
    for notebook, html in site.pages.items():
        text = text.replace(notebook, Path(html).stem + ".ipynb")
    config.write_text(text, encoding="utf-8")
    (folder / "nbdev.yml").write_text(yaml.safe_dump(project_metadata(site)), encoding="utf-8")


def process(
    nbs: Path,  # the folder of the notebooks
) -> Path:  # the folder with the renderers' input
    "Process the notebooks with nbdev, then for both renderers."
    site = site_config(nbs)
    if not site.pages:
        raise SiteError(f"expected notebooks in {nbs.name}/, found none")
    if not (nbs / "_quarto.yml").is_file():
        raise SiteError(f"expected {nbs.name}/_quarto.yml, the site's configuration, found none")
    try:
        # Everything anew: nbdev's cache goes by the notebooks' times and would miss a change of the library
        # or of --nbs.
        cache = proc_nbs(str(nbs), force=True)
    except Exception as error:
        hint = "(it runs the cells with imports and exported code: is an import in a cell with other code?)"
        raise SiteError(f"nbdev could not process the notebooks {hint}: {error}") from error
    missing = [nb for nb in site.pages if not (cache / nb).is_file()]
    if missing:
        raise SiteError(f"nbdev left out {', '.join(missing)}; does a parent folder's name start with a dot?")
    folder = cache / "_stage"
    stage(cache, folder, site)
    return folder


# ---------------------------------------------------------------- rendering


def renderer() -> tuple[str, list[str]]:  # its name and its command, which takes the folder
    "Choose Quarto where there is one, else smalldocs."
    if quarto := shutil.which("quarto"):
        return "Quarto", [quarto, "render", "--no-execute"]
    if importlib.util.find_spec("smalldocs"):
        return "smalldocs", [sys.executable, "-m", "smalldocs.cli", "render", "--quiet", "--strict"]
    raise SiteError("expected Quarto or smalldocs, found neither: install Quarto, or smalldocs on Python 3.11 or newer")


def render(
    folder: Path,  # the renderers' input
) -> Path:  # the rendered site
    "Render the site; a warning of the renderer is an error."
    name, command = renderer()
    run = subprocess.run([*command, str(folder)], capture_output=True, text=True, encoding="utf-8")
    output = run.stdout + run.stderr
    if run.returncode or WARNING.search(output):
        raise SiteError(f"{name} did not render the site without a warning:\n{output.strip()}")
    return folder / "_site"


# ---------------------------------------------------------------- finishing


def finish_page(
    soup: BeautifulSoup,  # a rendered page, changed in place
) -> None:
    "Mend what both renderers leave for a reader with a keyboard, a screen reader or no network."
    for tag in soup.find_all(["script", "link"]):
        if is_remote(tag.get("src") or (tag.get("href") if "stylesheet" in tag.get("rel", []) else "") or ""):
            tag.decompose()
    for selector, label in LANDMARKS.items():
        for nav in soup.select(selector):
            nav["aria-label"] = label
    for icon in soup.select("i.bi"):
        icon.attrs.pop("role", None)
        icon["aria-hidden"] = "true"
    for th in soup.find_all("th"):
        if not th.get_text(strip=True):
            th.name = "td"
    for pre in soup.find_all("pre"):
        pre["tabindex"] = "0"  # long lines scroll, and a keyboard must reach them
    for section in soup.select(".sidebar-item-section"):
        open_section(section)


def open_section(
    section,  # a section of the sidebar, changed in place
) -> None:
    "Make a section of the sidebar a plain heading over its pages: nine pages need no folding."
    for toggle in section.select(".sidebar-item-toggle"):
        toggle.decompose()
    for head in section.select(".sidebar-item-container > a[data-bs-toggle]"):
        head.name, head.attrs = "span", {"class": ["sidebar-section-title"]}
    for items in section.select("ul.collapse"):
        items["class"] = [c for c in items["class"] if c not in ("collapse", "show")]


def finish(
    built: Path,  # the rendered site
) -> None:
    "Finish every page, and drop the web fonts that the themes import: the site uses the reader's own."
    for path in built.rglob("*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        finish_page(soup)
        path.write_text(str(soup), encoding="utf-8")
    for path in built.rglob("*.css"):
        css = path.read_text(encoding="utf-8")
        if REMOTE_IMPORT.search(css):
            path.write_text(REMOTE_IMPORT.sub("", css), encoding="utf-8")


def publish(
    built: Path,  # the finished site
    out: Path,  # where it goes
) -> None:
    "Put the new site in the old one's place by renaming."
    new, old = (out.with_name(f"{out.name}.{word}") for word in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.move(built, new)
    if out.exists():
        os.replace(out, old)
    os.replace(new, out)
    shutil.rmtree(old, ignore_errors=True)


def report(
    out: Path,  # the built site
    pages: list[str],  # its pages
) -> None:
    "Print a line for each page."
    for page in pages:
        soup = BeautifulSoup((out / page).read_text(encoding="utf-8"), "html.parser")
        words, pictures = len(page_text(soup).split()), len((soup.find("main") or soup).find_all("img"))
        print(f"  {page:20} {words:6,} words  {pictures:3} pictures")


def build(
    nbs: Path,  # the folder of the executed notebooks
    out: Path,  # where the site goes
) -> list[str]:  # the pages
    "Build the site, or raise SiteError and leave the old one."
    folder = process(nbs)
    built = render(folder)
    finish(built)
    problems = check_site(built, nbs)
    if problems:
        raise SiteError("the built site has problems:\n  " + "\n  ".join(problems))
    publish(built, out)
    return list(page_names(nbs).values())


# ---------------------------------------------------------------- the command


def main() -> int:  # the exit status
    "Run the command."
    parser = argparse.ArgumentParser(description="Build the course's site, or check a built one.")
    parser.add_argument("--nbs", type=Path, default=ROOT / "nbs", help="the executed notebooks (default: nbs)")
    parser.add_argument("--out", type=Path, default=ROOT / "_docs", help="the site's folder (default: _docs)")
    parser.add_argument("--check", type=Path, metavar="SITE", help="only check a built site")
    args = parser.parse_args()
    if args.check:
        problems = check_site(args.check, args.nbs)
        print("\n".join(problems) or f"{args.check.name}: no problems found")
        return 1 if problems else 0
    nbs, out = args.nbs.resolve(), args.out.resolve()
    try:
        pages = build(nbs, out)
    except SiteError as error:
        print(f"The site was not built: {error}", file=sys.stderr)
        return 1
    print(f"{len(pages)} pages by {renderer()[0]} in {out.name}/:")
    report(out, pages)
    print("Read the site: make serve")
    return 0


if __name__ == "__main__":  # nbdev's workers import this module again
    sys.exit(main())
