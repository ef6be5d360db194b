"""Tests of the site's tools: what is done to a notebook before it is rendered, and what the check of a site sees."""

import base64
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import build_site  # noqa: E402
import site_check  # noqa: E402
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


def test_notebook_gets_its_page_name_and_links_to_itself():
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
    assert "github.com/someone/mnist/blob/main/nbs/00_data.ipynb" in nb["cells"][1]["source"]


# ---------------------------------------------------------------- rendered pages


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
        ("<p>so $$x$$ is</p>", "raw TeX"),
        ("<math><mi>\\foo</mi></math>", "not understood"),
    ],
)
def test_check_sees_each_fault(site, body, problem):
    docs, nbs = site
    write(docs, "index", body)
    found = site_check.check_site(docs, nbs)
    assert len(found) == 1 and found[0].startswith("index.html: ") and problem in found[0]


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
