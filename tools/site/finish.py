"""Finish a rendered site: what no renderer lets one say, each edit with its reason, and the files beside the pages."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter
from nbdev.config import get_config, nbpath2html

EDITS = [  # for each selector: the tag's new name if it gets one, and attributes to set, or to drop where None
    # A page with several navigations needs a name for each, or a screen reader cannot tell them apart.
    ("nav.navbar", "", {"aria-label": "Site"}),
    ("nav.quarto-secondary-nav", "", {"aria-label": "Menu"}),
    ("nav#quarto-sidebar", "", {"aria-label": "Chapters"}),
    ("nav#TOC", "", {"aria-label": "On this page"}),
    ("nav.page-navigation", "", {"aria-label": "Previous and next"}),
    # Both call an icon beside words a picture, and give it no name; the words of the copy button are in a tooltip.
    ("i.bi", "", {"role": None, "aria-hidden": "true"}),
    (".code-copy-button", "", {"aria-label": "Copy this code"}),
    # Long lines scroll, and a keyboard must reach them; the link that skips the bars leads to the text.
    ("pre", "", {"tabindex": "0"}),
    ("main", "", {"tabindex": "-1"}),
    # pandas leaves corners empty, and an empty header says nothing.
    ("th:empty, th.blank", "td", {"scope": None}),
    # Quarto calls a button a menu; the theme's switch does something, and leads nowhere.
    ("button.navbar-toggler", "", {"role": None}),
    ("a.quarto-color-scheme-toggle", "button", {"href": None, "type": "button", "aria-label": "Light or dark"}),
    # Quarto has a second link, without an address, beside a button that does the same.
    (".quarto-secondary-nav a[onclick]:not([href])", "div", {"role": None, "onclick": None, "data-bs-toggle": None}),
    # smalldocs makes a link of a line that heads other pages.
    ("#quarto-sidebar a[href='']", "span", {"href": None}),
]
REMOTE_IMPORT = re.compile(
    r"""@import\s*(?:url\()?\s*(?:"(?:https?:)?//[^"]*"|'(?:https?:)?//[^']*'|(?:https?:)?//[^)\s]*)[^;]*;"""
)
LINK_FROM_HERE = re.compile(r"""((?:href|src)="|content="(?=\./"))(?:\./)?(?![a-z]+:|[/#?])""")


def page_names(
    nbs: Path,  # the folder of the notebooks
) -> dict[str, str]:  # the page of each notebook, the front page first: `90_data.ipynb` is `data.html`
    "List the notebooks and the pages they become."
    names = sorted((nb for nb in nbs.glob("[!_]*.ipynb")), key=lambda nb: (nb.stem != "index", nb.name))
    return {nb.name: nbpath2html(nb).name for nb in names}


def site_url() -> str:  # where the site is published, with a slash at its end
    "Read the site's address from pyproject.toml."
    cfg = get_config()
    return f"{cfg.doc_host}{cfg.doc_baseurl}".rstrip("/") + "/"


# ---------------------------------------------------------------- a page


def _parsed(markup: str) -> BeautifulSoup:
    return BeautifulSoup(markup, "html.parser")


def mend(
    soup: BeautifulSoup,  # a rendered page, changed in place
) -> None:
    "Mend what the renderers leave for a reader with a keyboard, a screen reader or a phone."
    for selector, name, attrs in EDITS:
        for tag in soup.select(selector):
            tag.name = name or tag.name
            tag.attrs = {key: value for key, value in {**tag.attrs, **attrs}.items() if value is not None}
    for n, table in enumerate(soup.select("main table"), 1):  # bare, as Quarto leaves it, it scrolls the whole page
        for other in table.find_parents(class_="sd-table"):  # smalldocs' box, which a keyboard cannot reach
            other.unwrap()
        box = {"class": "table-box", "role": "group", "tabindex": "0", "aria-label": f"Table {n}"}
        table.wrap(soup.new_tag("div", attrs=box))
    skip = f'<nav aria-label="Skip"><a class="skip-link" href="#{soup.main["id"]}">Skip to the text</a></nav>'
    soup.body.insert(0, _parsed(skip))  # no renderer writes one


def _add_files(soup: BeautifulSoup, notebook: str, page: str) -> None:
    "Name what is put beside the page here, where no renderer knows of it; and the page's one address."
    links = f'''<a class="to-download" href="notebooks/{notebook}" download="{notebook}">Download</a>
        <a class="to-markdown" href="{page}.md">Markdown</a>'''
    soup.select_one(".page-tools p").append(_parsed(links))
    address = urljoin(site_url(), page.removesuffix("index.html"))
    head = f'''<link rel="canonical" href="{address}"><meta property="og:url" content="{address}">
        <link rel="alternate" type="text/markdown" href="{page}.md" title="This page in Markdown">'''
    soup.head.append(_parsed(head))
    if not soup.find("meta", property="og:image:alt"):  # smalldocs leaves it out
        soup.head.append(_parsed('<meta property="og:image:alt" content="The page\'s title beside a picture from it">'))


def _short_contents(soup: BeautifulSoup) -> None:
    "Repeat the page's contents, folded, above its text: on a narrow screen no renderer shows the list beside it."
    if headings := soup.select_one("#TOC ul"):
        fold = _parsed(f'<details class="contents"><summary>On this page</summary>{headings}</details>')
        for tag in fold(["ul", "li", "a"]):
            tag.attrs = {name: value for name, value in tag.attrs.items() if name == "href"}
        soup.select_one(".page-tools").insert_after(fold)


# ---------------------------------------------------------------- files beside the pages


class PlainPage(MarkdownConverter):
    "Write a page as Markdown for a reader that is a program; maths as the TeX it was written in."

    def convert_math(self, el, text, parent_tags):
        dollars = "$$" if el.get("display") == "block" else "$"
        return f"{dollars}{el.get('alttext', '')}{dollars}"

    def convert_summary(self, el, text, parent_tags):
        return f"\n\n**{text.strip()}**\n\n"


def markdown_copy(
    soup: BeautifulSoup,  # a rendered page
) -> str:  # its main part in Markdown
    "Write a page as Markdown. smalldocs' own copies hold MathML and HTML tables, Quarto's have other names."
    main = _parsed(str(soup.main))
    for tag in main.select("nav, button, style, .page-tools, .names"):
        tag.decompose()
    style = {"heading_style": "ATX", "bullets": "-"}
    style["code_language_callback"] = lambda pre: "python" if "sourceCode" in pre.get("class", []) else "text"
    return re.sub(r"\n{3,}", "\n\n", PlainPage(**style).convert_soup(main)).strip() + "\n"


def _index_names(built: Path, reference: BeautifulSoup) -> None:
    "Let the search find each name of the library, first of all in the reference."
    entries, file = [], built / "search.json"
    for place in reference.select("main td > span[id]"):
        href, text = f"reference.html#{place['id']}", place.find_parent("tr").get_text(" ", strip=True)
        entries.append({"objectID": href, "href": href, "title": "Reference", "section": place["id"], "text": text})
    entries += json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def finish(
    built: Path,  # the rendered site, changed in place
    nbs: Path,  # its notebooks
) -> None:
    "Finish every page, and write the files beside them."
    names, cfg, url, llms, urls = page_names(nbs), get_config(), site_url(), "", ""
    shutil.copytree(nbs, built / "notebooks", ignore=lambda _, files: {f for f in files if f not in names})
    for notebook, page in names.items():
        soup = _parsed((built / page).read_text(encoding="utf-8"))
        (built / f"{page}.md").write_text(markdown_copy(soup), encoding="utf-8")
        if page == "reference.html":
            _index_names(built, soup)
        mend(soup)
        _add_files(soup, notebook, page)
        _short_contents(soup)
        (built / page).write_text(str(soup), encoding="utf-8")
        said = soup.find("meta", attrs={"name": "description"})
        llms += f"- [{soup.h1.get_text(strip=True)}]({url}{page}.md): {said['content'] if said else ''}\n"
        urls += f"  <url><loc>{urljoin(url, page.removesuffix('index.html'))}</loc></url>\n"
    soup = _parsed((built / "404.html").read_text(encoding="utf-8"))
    mend(soup)
    soup.head.append(soup.new_tag("meta", attrs={"name": "robots", "content": "noindex"}))
    # It is shown at any depth, so its links start at the host's root. Quarto has seen to that, smalldocs has not.
    text = LINK_FROM_HERE.sub(rf"\1{urlsplit(url).path}", str(soup))
    (built / "404.html").write_text(text, encoding="utf-8")
    for css in built.rglob("*.css"):  # the themes' web fonts: the site uses the reader's own
        css.write_text(REMOTE_IMPORT.sub("", css.read_text(encoding="utf-8")), encoding="utf-8")
    # Quarto's sitemap names pages by their notebooks, smalldocs' holds the 404 page; their llms.txt has no summaries.
    xml = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    (built / "sitemap.xml").write_text(f"{xml}{urls}</urlset>\n", encoding="utf-8")
    (built / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {url}sitemap.xml\n", encoding="utf-8")
    (built / "llms.txt").write_text(f"# {cfg.title}\n\n> {cfg.description}\n\n## Pages\n\n{llms}", encoding="utf-8")
