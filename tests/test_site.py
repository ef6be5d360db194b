"""Tests of the site's tools: what is done to a notebook before it is rendered, and what the check of a site sees."""

import base64
import copy
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import build_site  # noqa: E402
import site_check  # noqa: E402
import site_files  # noqa: E402
import site_notebooks  # noqa: E402
from site_notebooks import Page, Site  # noqa: E402

SITE = Site(
    {"index.ipynb": "index.html", "00_data.ipynb": "data.html"},
    "https://course.example/mnist/",
    "https://github.com/someone/mnist",
)
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAACcoZ1vAAAAC0lEQVR4nGNggAAAAAgAAUdrPt0AAAAASUVORK5CYII=")
PROSE = "A page of the course has a good deal to say about handwritten digits. " * 6


def markdown(source):
    return {"cell_type": "markdown", "source": source}


# ---------------------------------------------------------------- notebooks


def test_maths_becomes_mathml_and_code_stays():
    source = "An $x_1$ costs \\$5, not `$y$`.\n\n```python\na = '$z$'\n```\n\n$$\\frac{1}{n}$$"
    text = site_notebooks.tex_to_mathml(source)
    assert text.count("<math") == 2 and 'display="block"' in text and "<mfrac>" in text
    assert "\\$5, not `$y$`" in text and "a = '$z$'" in text


def test_maths_hides_its_punctuation_from_markdown():
    text = site_notebooks.mathml("a * b_1 | c")
    visible = BeautifulSoup(text, "html.parser").get_text()
    assert visible == "a*b1|c" and not {"*", "|", "_"} & set(text)


@pytest.mark.parametrize("text", ["It costs $5 and $6.", "no maths here", "a $ b $ c"])
def test_dollars_that_are_no_maths(text):
    assert site_notebooks.tex_to_mathml(text) == text


def test_links_go_to_pages():
    text = "[data](00_data.ipynb#recap) [`f`](https://course.example/mnist/data.html#f) [`L`](https://docs.fast.ai/learner.html)"
    expected = "[data](data.html#recap) [`f`](data.html#f) [`L`](https://docs.fast.ai/learner.html)"
    assert site_notebooks.relink(text, SITE) == expected
    assert site_notebooks.relink("the file `00_data.ipynb`", SITE) == "the file `00_data.ipynb`"


def test_collapsed_callout_over_several_cells_becomes_details():
    cells = [
        markdown('::: {.callout-note collapse="true" title="Solution"}\nLook.\n\n::: {.inner}\nx\n:::'),
        {"cell_type": "code", "source": "1"},
        markdown(":::\n\n::: {.callout-tip}\nkept\n:::\n\n```\n:::\n```"),
    ]
    site_notebooks.fold_callouts(cells)
    assert "<summary>Solution</summary>" in cells[0]["source"] and "::: {.inner}\nx\n:::" in cells[0]["source"]
    assert cells[2]["source"].lstrip().startswith("</details>")
    assert "::: {.callout-tip}\nkept\n:::" in cells[2]["source"] and "```\n:::\n```" in cells[2]["source"]


def test_picture_becomes_a_file_with_alternative_text_and_size():
    page = Page("data")
    cell = {
        "cell_type": "code",
        "source": '#| fig-alt: "A seven: drawn"\nshow()',
        "outputs": [{"output_type": "display_data", "data": {"image/png": base64.b64encode(PNG).decode()}}],
    }
    site_notebooks.process_code(cell, page, SITE)
    img = BeautifulSoup(cell["outputs"][0]["data"]["text/markdown"], "html.parser").img
    assert cell["source"] == "show()" and page.files == {"figures/data-1.png": PNG}
    assert (img["src"], img["alt"], img["width"], img["height"]) == ("figures/data-1.png", "A seven: drawn", "3", "2")


def test_table_has_no_empty_header_and_can_be_reached_by_keyboard():
    markup = '<style scoped>p{}</style><table border="1"><tr style="text-align: right;"><th></th><th>a</th></tr>'
    soup = BeautifulSoup(site_notebooks.tidy_html(Page("p"), markup), "html.parser")
    assert soup.style is None and soup.th.get_text() == "a" and not soup.tr.attrs
    box = soup.find(class_="table-box")
    assert box["tabindex"] == "0" and box["aria-label"] == "Table 1"


def test_wide_styler_keeps_its_colours_with_readable_text():
    cells = "".join(f'<td id="T_x_row0_col{i}">0</td>' for i in range(28))
    css = "#T_x_row0_col0 { background-color: #a7a7a7; color: #f1f1f1; } #T_x_row0_col1 { background-color: #ffffff }"
    markup = f'<style>{css}</style><table id="T_x"><tr>{cells}</tr></table>'
    soup = BeautifulSoup(site_notebooks.tidy_html(Page("p"), markup), "html.parser")
    assert "wide" in soup.table["class"]
    assert "#a7a7a7; color: #000000" in soup.style.string and "#ffffff; color: #000000" in soup.style.string
    assert "#f1f1f1" not in soup.style.string


def test_notebook_gets_its_page_name():
    nb = {
        "metadata": {"widgets": {}},
        "cells": [
            {"cell_type": "raw", "source": "---\noutput-file: data.html\ntitle: The data\n---\n"},
            markdown("Read on."),
        ],
    }
    page = site_notebooks.process_notebook(nb, "00_data.ipynb", SITE)
    assert page.name == "data" and "widgets" not in nb["metadata"]
    assert nb["cells"][0]["source"] == "---\ntitle: The data\n---\n"


def test_imports_are_folded_and_other_code_is_not():
    folded = site_notebooks.fold_imports("#| code-fold: show\n#| exports: true\nimport a\nfrom b import c")
    assert folded.split("\n")[:3] == ["#| exports: true", "#| code-fold: true", '#| code-summary: "Imports"']
    for source in ("import a\na.b()", "!pip list", "# nothing", ""):
        assert site_notebooks.fold_imports(source) == source


def test_what_nbdev_s_own_run_wrote_is_dropped():
    tag = "functools.partial(<function ft at 0x7f1c52bb6b80>, 'figure', void=False)"
    doc = {"output_type": "display_data", "data": {"text/markdown": f"def show()->{tag}"}}
    noise = {"output_type": "stream", "name": "stderr", "text": "/usr/lib/x.py:3: FutureWarning"}
    cell = {"cell_type": "code", "source": "", "outputs": [noise, doc]}
    site_notebooks.drop_noise([cell, markdown("x")])
    assert cell["outputs"] == [doc] and doc["data"]["text/markdown"] == "def show()->Figure"


def test_markdown_copy_keeps_tex_code_tables_and_pictures():
    source = '#| fig-alt: "A seven"\n#| code-fold: show\nshow()'
    table = {"output_type": "display_data", "data": {"text/html": "<table><tr><th></th><th>a|b</th></tr><tr><td>1"}}
    picture = {"output_type": "display_data", "data": {"image/png": base64.b64encode(PNG).decode()}}
    text = {"output_type": "stream", "name": "stdout", "text": "ok\n"}
    cells = [markdown("An $x_1$."), {"cell_type": "code", "source": source, "outputs": [text, table, picture]}]
    nb = {"metadata": {}, "cells": copy.deepcopy(cells)}
    site_notebooks.process_notebook(nb, "00_data.ipynb", SITE)
    made = site_files.markdown_copy(cells, nb["cells"], {"title": "The data", "description": "Look."})
    assert made == (
        "# The data\n\n> Look.\n\nAn $x_1$.\n\n```python\nshow()\n```\n\n```text\nok\n```\n\n"
        "|  | a\\|b |\n| --- | --- |\n| 1 |  |\n\n![A seven](figures/data-1.png)\n"
    )


# ---------------------------------------------------------------- rendered pages


def soup_of(body, head=""):
    return BeautifulSoup(f"<html><head>{head}</head><body><main>{body}</main></body></html>", "html.parser")


def test_page_offers_its_notebook():
    soup = soup_of("<header><h1>Data</h1></header><p>x</p>")
    build_site.page_tools(soup, "00_data.ipynb", SITE)
    links = [a["href"] for a in soup.select("main > header + nav a")]
    assert links == [
        "https://colab.research.google.com/github/someone/mnist/blob/main/nbs/00_data.ipynb",
        "notebooks/00_data.ipynb",
        "https://github.com/someone/mnist/blob/main/nbs/00_data.ipynb",
        "data.html.md",
    ]
    elsewhere = soup_of("<h1>Data</h1>")
    build_site.page_tools(elsewhere, "00_data.ipynb", Site(SITE.pages, "", "https://codeberg.org/someone/mnist"))
    assert "olab" not in str(elsewhere) and elsewhere.h1.find_next_sibling("nav")
    front = soup_of("<h1>MNIST</h1>")
    build_site.page_tools(front, "index.ipynb", SITE)
    assert front.select_one("nav a")["href"] == "data.html"


def test_chapters_become_cards_and_the_aims_a_box():
    row = '<tr><td><img src="a.png" alt="A"></td><td><a href="data.html">0 Data</a></td><td>read files</td></tr>'
    soup = soup_of(
        f'<div class="sd-table"><table><thead></thead><tbody>{row}</tbody></table></div>'
        "<p><strong>What you will learn</strong></p><ul><li>x</li></ul><p><strong>Time:</strong> 5</p><p>On.</p>"
    )
    build_site.chapter_cards(soup)
    build_site.learn_box(soup)
    assert not soup.table and [tag.name for tag in soup.select_one("ul.chapters > li")] == ["img", "a", "p"]
    assert soup.select_one("section.learn").get_text() == "What you will learnxTime: 5"


def test_head_says_what_a_preview_needs_and_404_works_at_any_depth():
    soup = soup_of("<h1>The data</h1>", '<title>The data – Course</title><meta name="description" content="Look.">')
    site_files.set_head(soup, "data.html", SITE)
    said = {meta.get("property"): meta["content"] for meta in soup.find_all("meta")}
    assert (said["og:title"], said["og:description"], said["og:site_name"]) == ("The data", "Look.", "Course")
    assert said["og:image"] == "https://course.example/mnist/cards/data.png"
    assert soup.find("link", rel="canonical")["href"] == "https://course.example/mnist/data.html"
    soup = soup_of('<a href="./data.html">x</a><a href="#y">y</a>', '<meta name="smalldocs:offset" content="./">')
    site_files.finish_not_found(soup, SITE)
    assert [a["href"] for a in soup("a")] == ["/mnist/data.html", "#y"] and soup.meta["content"] == "/mnist/"


def test_card_has_the_size_that_previews_want():
    data = site_files.card("A title that is much too long for one line of it", "What is said. " * 40, "Course", None)
    assert site_notebooks.png_size(data) == (1200, 630) and len(data) < 100_000


def test_names_link_to_the_reference_which_is_searched_first(tmp_path):
    reference = soup_of("<table><tr><td><a href='data.html#load'>load</a></td><td>Read it.</td></tr></table>")
    entries = site_files.reference_entries(reference)
    assert entries == {"load": "Read it."} and reference.tr["id"] == "load"
    chapter = soup_of("<p><a href='https://x/data.py#L1' target='_blank'>source</a></p><h3 id='load'>load</h3>")
    site_files.link_to_reference(chapter, "reference.html", entries)
    links = chapter.select("p.doc-links + h3") and chapter.select("p.doc-links a")
    assert [a["href"] for a in links] == ["reference.html#load", "https://x/data.py#L1"]
    search = tmp_path / "search.json"
    search.write_text('[{"href": "data.html", "title": "The data", "section": "", "text": "load"}]')
    site_files.index_reference(search, "reference.html", entries)
    assert [entry["href"] for entry in json.loads(search.read_text())] == ["reference.html#load", "data.html"]


def test_skip_link_and_sizes_of_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    soup = soup_of("<img src='a.png' alt='a' loading='lazy'><img src='a.png' alt='a'>")
    build_site.skip_link(soup)
    build_site.size_pictures(soup, tmp_path)
    assert soup.body.a["href"] == "#" + soup.main["id"] and soup.main["tabindex"] == "-1"
    assert [(i["width"], i["height"], i.get("loading")) for i in soup("img")] == [("3", "2", None), ("3", "2", "lazy")]


def test_finished_page_is_named_and_local():
    soup = BeautifulSoup(
        '<script src="https://cdn.example/x.js"></script><nav id="TOC"></nav><i class="bi" role="img"></i>'
        "<table><tr><th></th></tr></table><pre>x</pre>",
        "html.parser",
    )
    build_site.finish_page(soup)
    assert soup.script is None and soup.nav["aria-label"] == "On this page"
    assert soup.i["aria-hidden"] == "true" and soup.th is None and soup.pre["tabindex"] == "0"


def test_publish_replaces_the_old_site(tmp_path):
    built, out = tmp_path / "built", tmp_path / "_docs"
    for folder, text in ((built, "new"), (out, "old")):
        folder.mkdir()
        (folder / "index.html").write_text(text)
    build_site.publish(built, out)
    assert (out / "index.html").read_text() == "new" and sorted(p.name for p in tmp_path.iterdir()) == ["_docs"]


# ---------------------------------------------------------------- what a real Quarto run showed

QUARTO_PAGE = (Path(__file__).parent / "quarto_page.html").read_text(encoding="utf-8")
STYLES = (Path(__file__).parents[1] / "nbs" / "styles.css").read_text(encoding="utf-8")
FONTS = 'https://fonts.example/css2?family=Lato:ital,wght@0,400;0,700&display=swap'


def quarto_soup():
    return BeautifulSoup(QUARTO_PAGE, "html.parser")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Quarto is a shell script")
def test_quarto_is_told_the_folder_first(tmp_path, monkeypatch):
    quarto = tmp_path / "bin" / "quarto"
    quarto.parent.mkdir()
    quarto.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/said"\n')
    quarto.chmod(0o755)
    monkeypatch.setenv("PATH", str(quarto.parent), prepend=os.pathsep)
    folder = tmp_path / "a folder"
    folder.mkdir()
    assert build_site.render(folder) == folder / "_site"
    assert (quarto.parent / "said").read_text() == f"render {folder} --no-execute\n"


def test_source_link_before_the_section_of_its_heading():
    soup = quarto_soup()
    site_files.link_to_reference(soup, "reference.html", {"load_settings": "Read the file."})
    assert soup.select_one("p.doc-links a")["href"] == "reference.html#load_settings"


@pytest.mark.parametrize("rule", [f'@import"{FONTS}";', f"@import url('{FONTS}') screen;", f"@import url({FONTS});"])
def test_remote_fonts_are_dropped_and_would_be_seen(rule):
    assert build_site.REMOTE_IMPORT.sub("", f"a{{}}{rule}b{{}}") == "a{}b{}"
    assert site_check.css_links('@import"https://fonts.example/x.css";') == ["https://fonts.example/x.css"]


def test_only_quarto_is_told_what_only_quarto_knows(monkeypatch):
    for name in ("Quarto", "smalldocs"):
        monkeypatch.setattr(build_site, "renderer", lambda name=name: (name, []))
        html = build_site.project_metadata(SITE).get("format", {}).get("html", {})
        assert html.get("respect-user-color-scheme", False) == (name == "Quarto")
    assert not {*build_site.QUARTO_ONLY} & {*(build_site.ROOT / "nbs" / "_quarto.yml").read_text().split(":")}


def test_headings_of_an_output_are_not_boxed():
    table = {"output_type": "execute_result", "data": {"text/markdown": "## Names"}}
    cell = {"cell_type": "code", "source": "#| echo: false\nx", "outputs": [table], "metadata": {"execution": {"a": 1}}}
    nb = {"metadata": {}, "cells": [cell]}
    site_notebooks.process_notebook(nb, "00_data.ipynb", SITE)
    assert cell["source"].startswith("#| output: asis\n") and cell["metadata"] == {}


def test_what_quarto_writes_is_mended_for_a_keyboard_and_a_screen_reader():
    soup = quarto_soup()
    build_site.finish_page(soup)
    boxes = soup.select("main table")
    assert len(boxes) == 2 and all(t.parent["tabindex"] == "0" and t.parent["aria-label"] for t in boxes)
    assert not soup.select("[role=menu], .quarto-secondary-nav a, i[role]")
    assert soup.select_one(".quarto-color-scheme-toggle").name == "button"
    assert soup.select_one(".skip-link").parent.name == "nav"


LOOK = """() => {
    const style = (where, what, pseudo) => getComputedStyle(document.querySelector(where), pseudo)[what];
    return {
        stripe: style('#quarto-sidebar', 'backgroundColor'), toggle: style('.bi', 'backgroundImage', '::before'),
        icon: style('.quarto-color-scheme-toggle', 'color'), search: style('.aa-Input', 'color'),
        panel: style('.aa-Panel', 'backgroundColor'), code: style('main p code', 'whiteSpace'),
        callout: style('.callout-header', 'backgroundColor'), ink: style('body', 'color'),
        soft: style('.nav-link', 'color'), raised: style('.callout', 'backgroundColor'),
        inner: style('#TOC ul ul .nav-link', 'paddingLeft'), outer: style('#TOC .nav-link', 'paddingLeft'),
        head: style('main thead', 'display'), width: document.documentElement.scrollWidth,
    }
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stylesheet_wins_over_quartos_theme(scheme, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    soup = quarto_soup()
    site_files.reference_entries(soup)
    build_site.finish_page(soup)
    (tmp_path / "page.html").write_text(str(soup).replace("quarto-light", f"quarto-{scheme}"))
    (tmp_path / "styles.css").write_text(STYLES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.goto((tmp_path / "page.html").as_uri())
        narrow = page.evaluate(LOOK)
        page.set_viewport_size({"width": 1400, "height": 900})
        wide = page.evaluate(LOOK)
        browser.close()
    assert wide["stripe"] == wide["callout"] == "rgba(0, 0, 0, 0)" and wide["toggle"] == "none"
    assert wide["icon"] == wide["soft"] and wide["search"] == wide["ink"] and wide["panel"] == wide["raised"]
    assert wide["code"] == "pre-wrap" and float(wide["inner"][:-2]) > float(wide["outer"][:-2])
    assert (wide["head"], narrow["head"]) == ("table-header-group", "none")  # its cells are blocks on a phone
    assert (wide["width"], narrow["width"]) == (1400, 360)


# ---------------------------------------------------------------- the check


@pytest.fixture
def site(tmp_path):
    "A small site without a fault, and its notebooks."
    nbs, docs = tmp_path / "nbs", tmp_path / "_docs"
    nbs.mkdir()
    docs.mkdir()
    for name in ("index", "00_data"):
        (nbs / f"{name}.ipynb").write_text("{}")
    (docs / "style.css").write_text("body { background: url(seven.png) }")
    (docs / "seven.png").write_bytes(PNG)
    write(docs, "index", '<a href="data.html#top">on</a> <a href="https://docs.fast.ai">fastai</a>')
    write(docs, "data", '<h2 id="top">Top</h2><img src="seven.png" alt="a seven">')
    return docs, nbs


def write(docs, page, body):
    head = '<link rel="stylesheet" href="style.css">'
    (docs / f"{page}.html").write_text(f"<html><head>{head}</head><main><p>{PROSE}</p>{body}</main></html>")


def test_check_passes_a_good_site(site):
    assert site_check.check_site(*site) == []


@pytest.mark.parametrize(
    "body, problem",
    [
        ('<a href="gone.html">x</a>', "dead link"),
        ('<a href="data.html#gone">x</a>', "no place"),
        ('<img src="gone.png" alt="x">', "missing file"),
        ('<img src="seven.png">', "without alternative text"),
        ('<script src="https://cdn.example/x.js"></script>', "another host"),
        ("<style>@import 'https://fonts.example/x.css';</style>", "another host"),
        ('<a href="data.html"><img src="seven.png">on</a>', "without alternative text"),
        ("<pre>/work/.venv/site-packages/x.py:3</pre>", "of the machine"),
        ("<p>so $$x$$ is</p>", "raw TeX"),
        ("<math><mi>\\foo</mi></math>", "not understood"),
    ],
)
def test_check_sees_each_fault(site, body, problem):
    docs, nbs = site
    write(docs, "index", body)
    found = site_check.check_site(docs, nbs)
    assert len(found) == 1 and found[0].startswith("index.html: ") and problem in found[0]


def test_check_of_a_published_site(site):
    docs, nbs = site
    write(docs, "404", '<a href="/mnist/data.html">on</a>')
    published = {page: BeautifulSoup((docs / page).read_text(), "html.parser") for page in ("index.html", "data.html")}
    for page, soup in published.items():
        soup.head.append(BeautifulSoup('<title>A</title><meta name="description" content="B">', "html.parser"))
        site_files.set_head(soup, page, SITE)
        (docs / page).write_text(str(soup))
        (docs / f"{page}.md").write_text("A copy.")
    site_files.write_site_files(docs, published, SITE)
    assert site_check.check_site(docs, nbs) == []
    (docs / "cards" / "data.png").unlink()
    (docs / "404.html").unlink()
    (docs / "robots.txt").write_text("")
    (docs / "index.html").write_text((docs / "index.html").read_text().replace("twitter:card", "twitter:x"))
    (docs / "sitemap.xml").write_text((docs / "sitemap.xml").read_text().replace("data.html", "gone.html"))
    found = "\n".join(site_check.check_site(docs, nbs))
    for problem in ("cards/data.png", "404.html: missing", "robots.txt: ", "sitemap.xml: ", "no twitter:card"):
        assert problem in found


def test_check_sees_a_name_without_its_way_to_the_reference(site):
    docs, nbs = site
    write(docs, "reference", '<table><tr id="load"><td><a href="data.html#top">load</a></td></tr></table>')
    assert site_check.check_site(docs, nbs) == ["data.html: load does not link to reference.html#load"]


def test_check_sees_missing_and_empty_pages_and_remote_css(site):
    docs, nbs = site
    (docs / "data.html").unlink()
    (docs / "index.html").write_text("<main><p>Short.</p></main>")
    (docs / "style.css").write_text("@import url('//fonts.example/x.css');")
    found = "\n".join(site_check.check_site(docs, nbs))
    for problem in ("data.html: missing page", "index.html: nearly empty", "style.css: loads //fonts.example"):
        assert problem in found


def test_failed_build_leaves_the_old_site(tmp_path, capsys, monkeypatch):
    out = tmp_path / "_docs"
    out.mkdir()
    (out / "index.html").write_text("old")
    (tmp_path / "nbs").mkdir()
    monkeypatch.setattr(sys, "argv", ["build_site.py", "--nbs", str(tmp_path / "nbs"), "--out", str(out)])
    monkeypatch.setattr(build_site, "site_config", lambda nbs: Site(site_check.page_names(nbs)))
    assert build_site.main() == 1
    assert "expected notebooks" in capsys.readouterr().err and (out / "index.html").read_text() == "old"


def test_a_warning_of_the_renderer_fails_the_build(tmp_path, monkeypatch):
    command = [sys.executable, "-c", "import sys; print('warning: broken link', file=sys.stderr)"]
    monkeypatch.setattr(build_site, "renderer", lambda: ("smalldocs", command))
    with pytest.raises(build_site.SiteError, match="broken link"):
        build_site.render(tmp_path)
