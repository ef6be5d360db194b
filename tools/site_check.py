"""Check a built site: every page is there, every link and picture leads somewhere, nothing comes from another host."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from nbdev.config import nbpath2html

MIN_TEXT = 300  # a page with fewer characters of text than this counts as empty
HEAD = ("description", "og:title", "og:description", "og:url", "og:image", "og:image:alt", "twitter:card")
RAW_TEX = ("$$", "\\(", "\\[", "\\begin{")
MACHINE = re.compile(r"\S*/site-packages/\S*|<[^<>]* at 0x[0-9a-f]{6,}>")
LOADED = {"object": "data", **dict.fromkeys(("script", "img", "source", "iframe", "video", "audio", "embed"), "src")}
LOADING_RELS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
CSS_LINK = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s*["']([^"']+)""")


def page_names(
    nbs: Path,  # the folder of the notebooks
) -> dict[str, str]:  # the page of each notebook: `00_data.ipynb` is `data.html`, as in nbdev's links
    "List the notebooks and the pages they become."
    return {nb.name: nbpath2html(nb).name for nb in sorted(nbs.glob("*.ipynb")) if not nb.name.startswith("_")}


def is_remote(
    link: str,  # a link as written
) -> bool:  # whether it goes to another host
    "Say whether a link leaves the site."
    return bool(urlsplit(link).netloc) or link.startswith("//")


def page_text(
    soup: BeautifulSoup,  # a page
) -> str:  # its own text, without code, scripts and maths
    "Read the prose of a page's main part."
    main = soup.find("main") or soup
    skipped = {"script", "style", "pre", "code", "math"}
    return " ".join(s for s in main.find_all(string=True) if not skipped & {p.name for p in s.parents}).strip()


def loaded_links(
    soup: BeautifulSoup,  # a page
) -> list[str]:  # what a browser fetches to show it
    "List the files a page loads by itself."
    found = [tag[attr] for name, attr in LOADED.items() for tag in soup.find_all(name) if tag.get(attr)]
    found += [tag["href"] for tag in soup.find_all("link", href=True) if LOADING_RELS & set(tag.get("rel", []))]
    for style in soup.find_all("style"):
        found += css_links(style.get_text())
    return found


def css_links(
    css: str,  # the text of a stylesheet
) -> list[str]:  # what it loads
    "List the files a stylesheet loads."
    found = [a or b for a, b in CSS_LINK.findall(css)]
    return [link.strip() for link in found if not link.startswith(("data:", "#", "%23"))]


class SiteChecker:
    "Read a site's pages once and collect what is wrong with them."

    def __init__(
        self,
        folder: Path,  # the built site
    ):
        self.folder = folder
        files = sorted(folder.rglob("*.html"))
        self.pages = {p: BeautifulSoup(p.read_text(encoding="utf-8"), "html.parser") for p in files}
        self.anchors = {p: {t["id"] for t in s.find_all(id=True)} for p, s in self.pages.items()}
        front = self.pages.get(folder / "index.html")
        canonical = front and front.find("link", rel="canonical")
        self.base_url = canonical["href"] if canonical else ""  # where the site is published, if it is
        self.base = urlsplit(self.base_url).path or "/"
        self.problems: list[str] = []

    def report(
        self,
        path: Path,  # the file with the problem
        problem: str,  # what is wrong
    ) -> None:
        "Note a problem of a file."
        self.problems.append(f"{path.relative_to(self.folder).as_posix()}: {problem}")

    def target(
        self,
        path: Path,  # the file with the link
        link: str,  # a link to a file of the site
    ) -> Path:  # the file it leads to
        "Find the file that a link leads to; a folder means its index page."
        folder = path.parent
        if link.startswith(self.base):  # from the host's root, as on the 404 page
            folder, link = self.folder, link.removeprefix(self.base) or "index.html"
        to = path if not link else (folder / unquote(link)).resolve()
        return to / "index.html" if to.is_dir() else to

    def check_links(
        self,
        path: Path,  # a page's file
        soup: BeautifulSoup,  # the page
    ) -> None:
        "Check that each link inside the site reaches a file, and the place in it."
        for a in soup.find_all("a", href=True):
            parts = urlsplit(a["href"])
            if parts.scheme or parts.netloc or a["href"] in ("", "#"):
                continue
            to = self.target(path, parts.path)
            if not to.is_file():
                self.report(path, f"dead link {a['href']!r} ({a.get_text(strip=True)[:40]!r})")
            elif parts.fragment and to in self.anchors and unquote(parts.fragment) not in self.anchors[to]:
                self.report(path, f"no place {a['href']!r} ({a.get_text(strip=True)[:40]!r})")

    def check_head(
        self,
        path: Path,  # a page's file
        soup: BeautifulSoup,  # the page
    ) -> None:
        "Check what a search engine, a preview and a program read of a published page."
        if path.name == "404.html":
            return
        said = {tag.get("property") or tag.get("name"): tag.get("content") for tag in soup.find_all("meta")}
        for name in HEAD:
            if not said.get(name):
                self.report(path, f"no {name} in its head")
        wanted = self.base_url + path.name.removesuffix("index.html")
        canonical = soup.find("link", rel="canonical")
        if not canonical or canonical["href"] != wanted:
            self.report(path, f"its canonical address is not {wanted}")
        for link in [said.get("og:image"), *(a["href"] for a in soup.find_all("link", rel="alternate", href=True))]:
            if link and not self.target(path, link.replace(self.base_url, self.base)).is_file():
                self.report(path, f"missing file {link!r}")

    def check_files(self) -> None:
        "Check the files for the whole of a published site: each must name every page, and nothing that is not there."
        pages = {self.base_url + path.name for path in self.pages if path.name != "404.html"}
        listed = {
            "sitemap.xml": ("<loc>([^<]*)</loc>", {url.removesuffix("index.html") for url in pages}),
            "llms.txt": (r"\]\((\S+)\)", {f"{url}.md" for url in pages}),
            "robots.txt": (r"Sitemap: (\S+)", {self.base_url + "sitemap.xml"}),
        }
        for name, (pattern, wanted) in listed.items():
            file = self.folder / name
            found = set(re.findall(pattern, file.read_text(encoding="utf-8"))) if file.is_file() else set()
            if found != wanted:
                self.problems.append(f"{name}: lacks or wrongly lists {sorted(found ^ wanted)[:5]}")
        if self.folder / "404.html" not in self.pages:
            self.problems.append("404.html: missing page")

    def check_reference(self) -> None:
        "Check that each name of the reference is linked to from the chapter that documents it."
        reference = self.folder / "reference.html"
        for row in self.pages[reference].select("main tr[id]") if reference in self.pages else ():
            page = self.folder / row.a["href"].split("#")[0]
            link = f"{reference.name}#{row['id']}"
            if page in self.pages and not self.pages[page].find("a", href=link):
                self.report(page, f"{row['id']} does not link to {link}")

    def check_loaded(
        self,
        path: Path,  # the file that loads them
        links: list[str],  # what it loads
    ) -> None:
        "Check that what a file loads is inside the site and is there."
        for link in links:
            if link.startswith("data:"):
                continue
            if is_remote(link):
                self.report(path, f"loads {link} from another host")
            elif not self.target(path, urlsplit(link).path).is_file():
                self.report(path, f"missing file {link!r}")

    def check_page(
        self,
        path: Path,  # a page's file
        soup: BeautifulSoup,  # the page
    ) -> None:
        "Check one page."
        text = page_text(soup)
        if len(text) < MIN_TEXT:
            self.report(path, f"nearly empty: {len(text)} characters of text")
        for tex in RAW_TEX:
            if tex in text:
                self.report(path, f"raw TeX: {tex!r} in {text[max(0, text.index(tex) - 20) : text.index(tex) + 30]!r}")
        if machine := MACHINE.search((soup.find("main") or soup).get_text()):
            self.report(path, f"a path or an address of the machine that ran it: {machine[0]!r}")
        for math in soup.find_all("math"):
            if re.search(r"[\\&]", math.get_text()):  # a command that the converter does not know stays as it is
                self.report(path, f"TeX that was not understood: {math.get_text()[:60]!r}")
        for img in soup.find_all("img"):
            named = img.find_parent(["a", "button"])  # a picture beside the words of a link needs none of its own
            if not (img.get("alt") or "").strip() and not ("alt" in img.attrs and named and named.get_text(strip=True)):
                self.report(path, f"picture without alternative text: {img.get('src', '')[:60]!r}")
        self.check_links(path, soup)
        self.check_loaded(path, loaded_links(soup))
        if self.base_url:
            self.check_head(path, soup)


def check_site(
    folder: str | Path = "_docs",  # the built site
    nbs: str | Path | None = None,  # the notebooks it was built from; None for the project's own
) -> list[str]:  # the problems found, one line each; empty when all is well
    "Check a built site."
    folder = Path(folder).resolve()
    nbs = Path(nbs) if nbs else Path(__file__).parents[1] / "nbs"
    expected = page_names(nbs).values()
    problems = [f"{page}: missing page" for page in expected if not (folder / page).is_file()]
    if not expected:
        problems.append(f"no notebooks found in {nbs.name}/, so no page can be expected")
    checker = SiteChecker(folder)
    for path, soup in checker.pages.items():
        checker.check_page(path, soup)
    if checker.base_url:
        checker.check_files()
    checker.check_reference()
    for css in sorted(folder.rglob("*.css")):
        checker.check_loaded(css, css_links(css.read_text(encoding="utf-8")))
    return problems + checker.problems
