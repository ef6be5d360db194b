"What is done to notebooks and pages, and what the build sees; no renderer is needed, for a page of Quarto's is stored"

import base64
import io
import re
import shutil
import sys
from functools import partial
from subprocess import CompletedProcess

import pytest
from bs4 import BeautifulSoup
from fastcore.nbio import read_nb
from nbdev.config import get_config
from nbdev.processors import FilterDefaults
from nbformat.v4 import new_code_cell as code
from nbformat.v4 import new_markdown_cell as text
from nbformat.v4 import new_notebook, writes
from PIL import Image

from conftest import ROOT, shown
from tools.site import build, finish, processors

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAACcoZ1vAAAAC0lEQVR4nGNggAAAAAgAAUdrPt0AAAAASUVORK5CYII="
FONTS = "https://fonts.example/css2?family=Lato:ital,wght@0,400;0,700&display=swap"
QUARTO_PAGE = (ROOT / "tests" / "quarto_page.html").read_text(encoding="utf-8")
parsed = partial(BeautifulSoup, features="html.parser")


@pytest.fixture
def project(tmp_path, monkeypatch):
    "A folder with the project's configuration, which nbdev reads from here; its name has a space"
    for path in ("nbs/images/01_exploration.png", "nbs/_quarto.yml", "nbs/styles.css", "pyproject.toml"):
        (tmp_path / "a project" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / "a project" / path)
    monkeypatch.chdir(tmp_path / "a project")
    return tmp_path / "a project"


def process(project, *sources, name="90_data", head=False):
    "The cells which nbdev makes of a notebook's; with `head`, its first two as well"
    cells = [code(source) if isinstance(source, str) else source for source in sources]
    path = project / "nbs" / f"{name}.ipynb"
    path.write_text(writes(new_notebook(cells=[text("# The data\n\n> Look."), *cells])), encoding="utf-8")
    FilterDefaults()(nb := read_nb(path))
    return [cell for cell in nb.cells if "<!-- WARNING" not in cell.source][0 if head else 2 :]


def test_each_name_has_its_place_beside_code_that_is_shown_or_folded(project):
    function = "#| exports\ndef load_mnist(split): return _load(split)\n\ndef _load(split): pass"
    places, cell = process(project, "#| default_exp data", function, "#| hide\nsecret()")
    soup = parsed(places.source)
    assert [(tag["id"], tag.string) for tag in soup.select("[id]")] == [("load_mnist", "load_mnist"), ("_load", None)]
    assert soup.a["href"].startswith(f"{get_config().git_url}/blob/main/mnist_nb/data.py#L")
    assert soup("a")[1]["href"] == "reference.html#load_mnist" and "code-fold" not in cell.source
    folded = "#| export\nclass Settings:\n    def __post_init__(self): pass\n\ndef _helper(): pass"
    places, cell = process(project, "#| default_exp settings", folded)
    places = [tag["id"] for tag in parsed(places.source).select(".places > span")]
    assert places == ["settings", "_helper", "settings.__post_init__"]  # as nbdev's links have them
    assert '#| code-fold: true\n#| code-summary: "Settings"\n' in cell.source and "def _helper" in cell.source


@pytest.mark.parametrize(
    "source, summary",
    {
        "#| exports\nimport a\nfrom b import c": "Imports",
        "#| exporti\n_A, B = 1, 2\n_C = 3": "_C",
        "x = 1\ntest_eq(x, 1)\nassert x": "2 checks passed",
        "with folder() as f:\n    f.make()\n    test_fail(lambda: f)": "1 check passed",
        "for x in y: assert x": "1 check passed",
        **dict.fromkeys(["import a\na.b()", "!pip list", "train()\nassert x", "x = 1", "def f(): 1\nassert f()"]),
    }.items(),
)
def test_what_a_cell_is_folded_into(project, source, summary):
    quiet, _, loud = process(project, source, text("On."), code(source, outputs=[shown("3", "text/plain")]))
    fold = f'#| code-fold: true\n#| code-summary: "{summary}"\n' if summary else ""
    assert quiet.source.startswith(fold) and quiet.source.count("code-fold") == bool(fold)
    assert quiet.source.endswith(source.rpartition("#|")[2][-9:]) and "passed" not in loud.source


def test_cells_of_imports_that_follow_each_other_are_one_fold(project):
    first, last = process(project, "#| exports\nimport a", "#| export\nimport b\nfrom c import d", "d(a, b)")
    assert first.source.startswith('#| code-fold: true\n#| code-summary: "Imports"\n') and last.source == "d(a, b)"
    assert re.findall("^[^#].*", first.source, re.MULTILINE) == ["import a", "import b", "from c import d"]


def test_maths_becomes_mathml_links_go_to_pages_and_code_stays(project):
    rest = " costs \\$5, `$y$` or $6. {}, `90_data.ipynb`\n\n```python\na = '$z$'\n```\n\n"
    links = f"[data](90_data.ipynb#recap), [f]({finish.site_url()}data.html#f)"
    (cell,) = process(project, text("$|x_1| * 2$" + rest.format(links) + "$$a$$"))
    first, second = parsed(cell.source)("math")
    assert (first["alttext"], second["alttext"], second["display"]) == ("|x_1| * 2", "a", "block")
    assert rest.format("[data](data.html#recap), [f](data.html#f)") in cell.source
    assert not {"*", "|", "_"} & set(cell.source.partition(" costs")[0])  # Markdown would take them for its own


def test_collapsed_callout_over_several_cells_becomes_details(project):
    opened = '::: {.callout-note collapse="true" title="Solution"}\nLook.\n\n::: {.inner}\nx\n:::'
    after = "::: {.callout-tip}\nkept\n:::\n\n```\n:::\n```"
    opened, _, closed = process(project, text(opened), "1", text(f":::\n\n{after}"))
    assert "<summary>Solution</summary>" in opened.source and "::: {.inner}\nx\n:::" in opened.source
    assert closed.source.split() == ["</details>", *after.split()]


@pytest.mark.parametrize(
    "size, metadata, dpi", [("3020", {}, 100), ("1510", {}, 200), ("54", {"image/png": {"width": 5, "height": 4}}, 200)]
)
def test_picture_becomes_a_file_with_its_text_and_size(project, size, metadata, dpi):
    Image.new("L", (30, 20)).save(file := io.BytesIO(), "PNG", dpi=(dpi, dpi))
    output = shown(base64.b64encode(file.getvalue()).decode(), "image/png")
    output.metadata = metadata
    (cell,) = process(project, code('#| fig-alt: "A 7: drawn"\nf()', outputs=[output]))
    img = parsed(cell.outputs[0]["data"]["text/markdown"]).img
    assert (img["alt"], img["width"] + img["height"]) == ("A 7: drawn", size)
    assert (project / "_proc" / img["src"]).read_bytes() == file.getvalue()


def test_tables_are_left_to_the_stylesheet_and_colours_are_readable():
    table = '<style>p{}</style><script>x</script><table border="1"><tr style="x"><th></th><th>a</th></tr></table>'
    assert processors.tidy_html(table).startswith('<table class="data" data-quarto-disable-processing="true"><tr><th>')
    wide = '<style>p { color: #f1f1f1 }</style><table id="T_x"><tr>' + "<td>0</td>" * 28
    assert 'class="data wide"' in processors.tidy_html(wide) and "{ color: #ffffff }" in processors.tidy_html(wide)


def test_names_of_the_reference_have_places_and_their_headings_are_not_boxed(project):
    listing = shown("## mnist_nb.data\n\n| name |\n| --- |\n| `load_mnist` |", "text/markdown")
    cell = code("f()", outputs=[listing], metadata={"execution": {"a": "1"}})
    (cell,) = process(project, cell, name="reference")
    assert cell.source.startswith("#| output: asis\n") and "execution" not in cell.metadata  # or Quarto boxes them
    assert '| <span id="load_mnist"></span>[`load_mnist`](data.html#load_mnist) |' in str(cell.outputs[0].data)


def test_head_of_a_page(project):
    aims = "**What you will learn**\n\n- x\n\n**Time:** 5 minutes"
    front, links, box = process(project, text(f"{aims}\n\nOn."), head=True)
    assert Image.open(project / "_proc/cards/data.png").size == (1200, 630) and "image: cards/data.png" in front.source
    assert "/blob/main/nbs/90_data.ipynb){.to-colab}" in links.source
    assert box.source == f"::: {{.learn}}\n{aims}\n:::\n\nOn."
    assert "[Start with the first chapter](data.html)" in process(project, name="index", head=True)[1].source


def test_page_is_mended_for_a_keyboard_and_a_screen_reader():
    finish.mend(soup := parsed(QUARTO_PAGE))
    assert all(table.parent["tabindex"] == "0" and table.parent["aria-label"] for table in soup.select("main table"))
    assert not soup.select("[role=menu], .quarto-secondary-nav a, i[role], th:empty, #quarto-sidebar a[href='']")
    assert soup.select_one(".quarto-color-scheme-toggle").name == "button" and soup.pre["tabindex"] == "0"
    assert soup.body.a["href"] == "#" + soup.main["id"] and soup.body.a.parent.name == "nav"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stylesheet_wins_over_quartos_theme(page, project, scheme):
    finish.mend(soup := parsed(QUARTO_PAGE.replace("quarto-light", f"quarto-{scheme}")))
    (project / "nbs" / "page.html").write_text(str(soup), encoding="utf-8")
    page.goto((project / "nbs" / "page.html").as_uri())
    for width, head in ((360, "none"), (1400, "table-header-group")):  # on a phone the reference's cells are blocks
        page.set_viewport_size({"width": width, "height": 800})
        look = page.evaluate("look()")
        assert (look["width"], look["head"]) == (width, head)
    assert look["stripe"] == look["callout"] == "rgba(0, 0, 0, 0)" and look["toggle"] == "none"
    assert look["icon"] == look["soft"] and look["search"] == look["ink"] and look["panel"] == look["raised"]
    assert look["code"] == "pre-wrap" and look["inner"] > look["outer"]


@pytest.fixture
def site(project):
    "A small site without a fault, finished as the real one is, and its notebooks"
    built, nbs = project / "nbs" / "_docs", project / "nbs"
    built.mkdir()
    for name in ("index", "settings", "reference", "404"):
        (built / f"{name}.html").write_text(QUARTO_PAGE)
        (nbs / (f"{name}.ipynb" if name != "404" else "404.qmd")).touch()
    (built / "styles.css").write_text(f"@import\"{FONTS}\";@import url('{FONTS}') screen;\n@import url({FONTS});p {{}}")
    (built / "seven.png").write_bytes(base64.b64decode(PNG))
    (built / "search.json").write_text("[]")
    finish.finish(built, nbs)
    return built, nbs


def test_finished_site_has_files_beside_its_pages_and_what_is_missing_is_seen(site):
    assert build.problems(*site) == []
    for name, part in {
        "styles.css": "\np {}",  # no fonts are left
        "llms.txt": f"[Settings]({finish.site_url()}settings.html.md): The course's few knobs.\n",
        "sitemap.xml": f"<loc>{finish.site_url()}settings.html</loc>",
        "search.json": '[{"objectID": "reference.html#load_settings-row"',
        "404.html": f'href="{get_config().doc_baseurl}/settings.html#load_settings"',
        "notebooks/settings.ipynb": "",
        "settings.html.md": "# Settings\n\nAn $x_1$ is no knob.",
        "index.html.md": "```python\ndef load_settings(path):\n```\n\n## Names\n\n| name | what it does |\n| ---",
    }.items():
        assert part in (site[0] / name).read_text(encoding="utf-8"), name
    for name in ("settings.html", "seven.png", "robots.txt"):
        (site[0] / name).unlink()
    (site[0] / "index.html").write_text("<main><p>Short.</p></main>")
    found = "\n".join(build.problems(*site))
    for problem in ("settings.html: missing", "robots.txt: missing", "nearly empty", "no og:url", "names 'seven.png'"):
        assert problem in found


@pytest.mark.parametrize(
    "fault, problem",
    {
        '<a href="gone.html">x</a>': "gone.html",
        '<a href="settings.html#gone">x</a>': "fragment",
        '<img src="seven.png">': "without alternative text",
        '<a href="settings.html"><img src="seven.png">on</a>': "without alternative text",
        '<p id="names">again</p>': "'names' is there 2 times",
        '<script src="https://cdn.example/x.js"></script>': "loads https://cdn.example/x.js",
        f'<style>@import"{FONTS}";</style>': "loads https://fonts.example/css2",
        '<link rel="stylesheet" href="//cdn.example/x.css">': "loads //cdn.example/x.css",
        "<pre>/home/me/site-packages/x.py:3</pre>": "of the machine",
        "<p>so $$x$$ is</p>": "raw TeX",
        "<math><mi>\\foo</mi></math>": "not understood",
    }.items(),
)
def test_build_sees_each_fault(site, fault, problem):
    page = site[0] / "index.html"
    page.write_text(page.read_text().replace("</main>", f"{fault}</main>"))
    (found,) = build.problems(*site)
    assert found.startswith("index.html: ") and problem in found


@pytest.mark.parametrize("quarto", ["/bin/quarto", None])
def test_each_renderer_is_told_what_it_knows(project, monkeypatch, quarto):
    commands, nbs = [], project / "nbs"
    monkeypatch.setattr(build.shutil, "which", lambda name: quarto)
    monkeypatch.setattr(build.subprocess, "run", lambda c, **_: commands.append(c) or CompletedProcess(c, 0, "", ""))
    (nbs / "nbdev.yml").write_text("website:\n  site-url: x\n\nformat-links:\n  - html\n")
    assert build.render(nbs, {}) == (nbs / "_docs", "Quarto" if quarto else "smalldocs")
    told = (nbs / "_quarto.yml").read_text() + (nbs / "nbdev.yml").read_text()
    assert all((f"{word}:" in told) == bool(quarto) for word in ("format-links", *build.QUARTO_ONLY))
    assert not quarto or commands == [[quarto, "render", str(nbs), "--no-execute"]]  # the folder first


def test_failed_build_leaves_the_old_site_and_a_good_one_replaces_it(site, project, monkeypatch, capsys):
    (built, nbs), run, out = site, build.subprocess.run, project / "_docs"
    build._publish(shutil.copytree(built, project / "first"), out)
    warn = [sys.executable, "-c", "print('WARNING: broken link')"]
    monkeypatch.setattr(build, "_process", lambda nbs: nbs)
    monkeypatch.setattr(build, "_say_to_smalldocs", lambda folder, names: None)
    monkeypatch.setattr(build.subprocess, "run", lambda command, **kwargs: run(warn, **kwargs))
    monkeypatch.setattr(sys, "argv", ["build.py", "--nbs", str(nbs), "--out", str(out)])
    assert build.main() == 1 and "broken link" in capsys.readouterr().err and (out / "index.html").is_file()
    (built / "index.html").write_text("new")
    build._publish(built, out)
    assert (out / "index.html").read_text() == "new" and not list(project.glob("_docs.*"))
