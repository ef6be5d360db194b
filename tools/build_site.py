"""Build the course's site from its executed notebooks.

    python tools/build_site.py [--nbs nbs] [--out _docs]    build
    python tools/build_site.py --check _docs                only check a built site

nbdev processes the notebooks (links to names, documentation tables, hidden cells), site_notebooks.py makes
them fit for both renderers, and Quarto renders them where it is installed, smalldocs where it is not. The
new site takes the old one's place only when it is whole: a failed build leaves the old site as it was.
"""

import argparse
import copy
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

import site_files
from site_check import check_site, is_remote, page_names, page_text
from site_notebooks import Site, drop_noise, png_size, process_notebook, relink

ROOT = Path(__file__).resolve().parents[1]
WARNING = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
QUARTO_ONLY = {  # what smalldocs does by itself or by the stylesheet, and refuses to be told
    "respect-user-color-scheme": True,
    "grid": {"sidebar-width": "220px", "body-width": "870px", "margin-width": "210px"},
    "language": {"search-text-placeholder": "Search"},
}
REFERENCE = "reference.html"  # the page that lists the library
GITHUB, COLAB = "https://github.com/", "https://colab.research.google.com/github/"
BESIDE = "_beside"  # the folder, beside the renderers' input, of files that they must not see
REMOTE_IMPORT = re.compile(r"""@import\s*(?:url\()?\s*(?:"(?:https?:)?//[^"]*"|'(?:https?:)?//[^']*'|(?:https?:)?//[^)\s]*)[^;]*;""")
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
    website = {"site-url": site.url, "repo-url": site.repository, "navbar": {"right": [source]}}
    return {"website": website, **({"format": {"html": QUARTO_ONLY}} if renderer()[0] == "Quarto" else {})}


def stage(
    cache: Path,  # the notebooks as nbdev processed them
    nbs: Path,  # the notebooks as they are written, for the reader to download
    folder: Path,  # where to put the renderers' input; emptied first
    site: Site,  # the site
) -> None:
    "Make the folder that both renderers read: processed notebooks under their pages' names, pictures, configuration."
    beside = folder.with_name(BESIDE)
    for old in (folder, beside):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(cache, folder, ignore=shutil.ignore_patterns("*.ipynb", folder.name))
    (beside / site_files.NOTEBOOKS).mkdir(parents=True)
    for notebook, html in site.pages.items():
        nb = read_nb(cache / notebook)
        meta = yaml.safe_load(nb["cells"][0]["source"].strip().strip("-"))
        drop_noise(nb["cells"])
        before = copy.deepcopy(nb["cells"])
        page = process_notebook(nb, notebook, site)
        write_nb(nb, (folder / html).with_suffix(".ipynb"))
        for name, data in page.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        text = relink(site_files.markdown_copy(before, nb["cells"], meta), site)
        (beside / f"{html}.md").write_text(text, encoding="utf-8")
        shutil.copy(nbs / notebook, beside / site_files.NOTEBOOKS)
    (folder / "404.qmd").write_text(site_files.NOT_FOUND, encoding="utf-8")
    config = folder / "_quarto.yml"
    text = config.read_text(encoding="utf-8")
    for notebook, html in site.pages.items():
        text = text.replace(notebook, Path(html).stem + ".ipynb")
    config.write_text(text, encoding="utf-8")
    (folder / "nbdev.yml").write_text(yaml.safe_dump(project_metadata(site)), encoding="utf-8")


def process(
    nbs: Path,  # the folder of the notebooks
    site: Site,  # the site
) -> Path:  # the folder with the renderers' input
    "Process the notebooks with nbdev, then for both renderers."
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
    stage(cache, nbs, folder, site)
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
    run = subprocess.run([*command[:2], str(folder), *command[2:]] if name == "Quarto" else [*command, str(folder)], capture_output=True, text=True, encoding="utf-8")
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
    for n, table in enumerate(soup.select("main table"), 1):
        if not table.find_parent(class_=["table-box", "sd-table", "table-responsive"]):  # Quarto leaves it bare
            box = {"class": "sd-table", "role": "group", "tabindex": "0", "aria-label": f"Table {n} of the text"}
            table.wrap(soup.new_tag("div", attrs=box))
    for pre in soup.find_all("pre"):
        pre["tabindex"] = "0"  # long lines scroll, and a keyboard must reach them
    for button in soup.select(".code-copy-button"):
        button["aria-label"] = "Copy this code"
    for toggle in soup.select("a.quarto-color-scheme-toggle"):  # it does something, and goes nowhere
        toggle.name = "button"
        toggle.attrs.pop("href", None)
        toggle.attrs |= {"type": "button", "aria-label": "Switch between light and dark", "title": "Light or dark"}
    for button in soup.select("button.navbar-toggler[role]"):  # Quarto calls it a menu
        del button["role"]
    for twin in soup.select(".quarto-secondary-nav a[onclick]:not([href])"):  # the button beside it does the same
        twin.name, twin.attrs = "div", {"class": twin.get("class", [])}
    skip_link(soup)
    for section in soup.select(".sidebar-item-section"):
        open_section(section)


def skip_link(
    soup: BeautifulSoup,  # a page, changed in place
) -> None:
    "Let a keyboard jump over the bars to the text: the page's first link."
    main = soup.find("main")
    if main and soup.body:
        main["id"] = main.get("id") or "content"
        main["tabindex"] = "-1"
        link = soup.new_tag("a", attrs={"class": "skip-link", "href": f"#{main['id']}"})
        link.string = "Skip to the text"
        soup.body.insert(0, link)
        link.wrap(soup.new_tag("nav", attrs={"aria-label": "Skip"}))  # Quarto's script writes its address anew


def size_pictures(
    soup: BeautifulSoup,  # a page, changed in place
    built: Path,  # the folder of the site
) -> None:
    "Give each picture its size, so that the page does not jump, and load those further down when they are near."
    for n, img in enumerate(soup.select("main img")):
        path = built / img.get("src", "")
        size = png_size(path.read_bytes()) if path.is_file() else None
        if size and not (img.get("width") and img.get("height")):
            img["width"], img["height"] = (str(side) for side in size)
        img["decoding"] = "async"
        if n > 0:
            img["loading"] = "lazy"
        else:
            img.attrs.pop("loading", None)


def notebook_links(
    notebook: str,  # a notebook, such as `00_data.ipynb`
    site: Site,  # the repository's address
) -> dict[str, tuple[str, str]]:  # for each icon, the text of the link and where it goes
    "List the ways to a page's notebook: on Colab, as a download, in the repository; and its text for programs."
    path, page = f"blob/{site.branch}/nbs/{notebook}", site.pages[notebook]
    first = next((html for name, html in site.pages.items() if name[0].isdigit()), None)
    links = {}
    if page == "index.html" and first:
        links["arrow-right-circle"] = ("Start with the first chapter", first)
    if site.repository.startswith(GITHUB):
        links["colab"] = ("Open in Colab", f"{COLAB}{site.repository.removeprefix(GITHUB)}/{path}")
    if page != "index.html":
        links["download"] = ("Download", f"{site_files.NOTEBOOKS}/{notebook}")
    if site.repository:
        links["code"] = ("View source", f"{site.repository}/{path}")
    if page != "index.html":
        links["markdown"] = ("Markdown", f"{page}.md")
    return links


def page_tools(
    soup: BeautifulSoup,  # a page, changed in place
    notebook: str,  # its notebook, such as `00_data.ipynb`
    site: Site,  # the repository's address
) -> None:
    "Offer a page's notebook below its title."
    nav = soup.new_tag("nav", attrs={"class": "page-tools", "aria-label": "This notebook"})
    for icon, (text, href) in notebook_links(notebook, site).items():
        link = soup.new_tag("a", attrs={"href": href})
        if icon == "colab":
            attrs = {"src": "images/colab.svg", "alt": "", "width": "18", "height": "18"}
            link.append(soup.new_tag("img", attrs=attrs))
        else:
            link.append(soup.new_tag("i", attrs={"class": f"bi bi-{icon}", "aria-hidden": "true"}))
        link.append(f" {text}")
        if icon == "arrow-right-circle":
            link["class"] = "start"
        if icon == "download":
            link.attrs |= {"download": notebook, "aria-label": f"Download {notebook}"}
        nav.append(link)
    title = soup.select_one("main header") or soup.select_one("main h1")
    if title:
        title.insert_after(nav)


def short_contents(
    soup: BeautifulSoup,  # a page, changed in place
) -> None:
    "Repeat the page's contents, folded, above its text: where the window is narrow, the list beside it is not shown."
    headings, text = soup.select_one("#TOC ul"), soup.select_one("main .page-tools")
    if not headings or not text:
        return
    fold = BeautifulSoup(
        f'<details class="contents"><summary>On this page</summary>{headings}</details>', "html.parser"
    )
    for tag in fold.find_all(["ul", "li", "a"]):
        tag.attrs = {name: value for name, value in tag.attrs.items() if name == "href"}
    text.insert_after(fold)


def chapter_cards(
    soup: BeautifulSoup,  # the front page, changed in place
) -> None:
    "Lay the table of chapters out as cards: a list of pictures, each with a link and what is said of it."
    for table in {id(t): t for t in (img.find_parent("table") for img in soup.select("main td img"))}.values():
        cards = soup.new_tag("ul", attrs={"class": "chapters"})
        for row in table.select("tbody tr"):
            card = soup.new_tag("li")
            for cell in row.find_all("td"):
                if cell.find("img"):
                    card.append(cell.img)
                elif cell.find("a"):
                    card.append(cell.a)
                elif cell.get_text(strip=True):
                    cell.name = "p"
                    card.append(cell)
            cards.append(card)
        (table.find_parent(class_=["sd-table", "table-responsive"]) or table).replace_with(cards)


def learn_box(
    soup: BeautifulSoup,  # a page, changed in place
) -> None:
    "Set what a chapter teaches, from `What you will learn` to `Time`, apart from its text."
    head = next((p for p in soup.select("main p") if p.get_text(strip=True) == "What you will learn"), None)
    if head:
        rest = head.find_next_siblings(limit=3)
        last = next((n for n, tag in enumerate(rest) if tag.get_text(strip=True).startswith("Time:")), 0)
        box = head.wrap(soup.new_tag("section", attrs={"class": "learn", "aria-label": "About this chapter"}))
        box.extend(rest[: last + 1])


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
    site: Site,  # the site
) -> None:
    "Finish every page, write the files beside them, and drop the themes' web fonts: the site uses the reader's own."
    shutil.copytree(built.parent.with_name(BESIDE), built, dirs_exist_ok=True)
    order = sorted(site.pages.items(), key=lambda pair: pair[1] != "index.html")
    pages = {page: BeautifulSoup((built / page).read_text(encoding="utf-8"), "html.parser") for _, page in order}
    entries = {}
    if REFERENCE in pages:
        entries = site_files.reference_entries(pages[REFERENCE])
        site_files.index_reference(built / "search.json", REFERENCE, entries)
    for notebook, page in order:
        soup = pages[page]
        size_pictures(soup, built)
        learn_box(soup)
        if page == "index.html":
            chapter_cards(soup)
        page_tools(soup, notebook, site)
        short_contents(soup)
        finish_page(soup)
        site_files.link_to_reference(soup, REFERENCE, entries)
        if site.url:
            site_files.set_head(soup, page, site)
        (built / page).write_text(str(soup), encoding="utf-8")
    missing = built / "404.html"
    soup = BeautifulSoup(missing.read_text(encoding="utf-8"), "html.parser")
    finish_page(soup)
    site_files.finish_not_found(soup, site)
    missing.write_text(str(soup), encoding="utf-8")
    site_files.write_site_files(built, pages, site)
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
        words, pictures = len(page_text(soup).split()), len(soup.select('main img:not([alt=""])'))
        print(f"  {page:20} {words:6,} words  {pictures:3} pictures")


def build(
    nbs: Path,  # the folder of the executed notebooks
    out: Path,  # where the site goes
) -> list[str]:  # the pages
    "Build the site, or raise SiteError and leave the old one."
    site = site_config(nbs)
    built = render(process(nbs, site))
    finish(built, site)
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
