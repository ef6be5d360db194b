"""Tests of the browser's checks: a small site passes them, and each fault put into it is seen."""

import gzip
import random
import shutil
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import check  # noqa: E402
import site_browser  # noqa: E402

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="icon" href="data:,"><link rel="canonical" href="https://course.example/mnist/">
<style>body.dark {{ background: #111; color: #eee }} .dark a {{ color: #9cf }} body {{ background: #fff }}</style>
</head><body><a href="#text">Skip to the text</a>
<header><label>Search <input type="search"></label> <span id="hits"></span>
<button id="theme">Dark or light</button></header>
<main id="text"><h1>{title}</h1><p>{body}</p>
<p><a href="/mnist/index.html">Front</a> <a href="/mnist/data.html#text">Data</a></p>
<img src="/mnist/seven.png" alt="a seven" width="3" height="2"></main>
<script>
const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
const dark = () => (localStorage.getItem('theme') ?? system) === 'dark';
const show = () => document.body.classList.toggle('dark', dark());
show();
theme.addEventListener('click', () => {{ localStorage.setItem('theme', dark() ? 'light' : 'dark'); show(); }});
const found = {{confusion: '/mnist/data.html?found', softmax: '/mnist/index.html?found'}};
const box = document.querySelector('input');
box.addEventListener('input', () => {{
  hits.innerHTML = found[box.value] ? `<a href="${{found[box.value]}}">found</a>` : ''; }});
box.addEventListener('keydown', e => {{ if (e.key === 'Enter') hits.querySelector('a')?.click(); }});
</script></body></html>"""


@pytest.fixture
def site(tmp_path):
    "A small site without a fault."
    for name, body in {"index": "All of softmax.", "data": "Confusion, confusion.", "404": "It is not here."}.items():
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=name, body=body), encoding="utf-8")
    Image.new("RGB", (3, 2), "white").save(tmp_path / "seven.png")
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def browser():
    "Chromium, or a reason to skip."
    try:
        return site_browser.chromium()
    except site_browser.Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("check", ["pages", "search", "theme", "keyboard"])
def test_a_good_site_passes(site, check):
    assert site_browser.check_in_browser(site, check) == ([], [])


@pytest.mark.parametrize(
    "check, old, new, problem",
    [
        ("theme", "localStorage.setItem(", "(() => {})(", "the theme switch"),
        ("search", "data.html?found", "index.html?elsewhere", "'confusion' does not find data.html"),
        ("search", "e.key === 'Enter'", "false", "Enter does not open"),
        ("keyboard", "</style>", "button:focus { outline: none }</style>", "the focus is not seen on button#theme"),
        ("keyboard", '<a href="#text">Skip to the text</a>', "", "not a link that skips to the text"),
        ("keyboard", "</main>", "<p onclick='1'>Press me</p></main>", "the Tab key does not reach 1 of"),
        ("keyboard", 'id="theme"', "id='theme' onkeydown='event.preventDefault()'", "the Tab key does not reach"),
    ],
)
def test_what_a_reader_would_miss_is_seen(site, check, old, new, problem):
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert old in text
        page.write_text(text.replace(old, new), encoding="utf-8")
    found, _ = site_browser.check_in_browser(site, check)
    assert problem in "\n".join(found)


def test_each_fault_of_a_page_is_seen(site):
    faults = {
        "<img src='https://elsewhere.example/x.png' alt='x'>": "asks another host for https://elsewhere.example/x.png",
        "<script>console.error('something broke')</script>": "error in the console: something broke",
        "<script>throw new Error('a fault')</script>": "error in a script: a fault",
        "<a href='gone.html'>gone</a>": "/mnist/gone.html",
        "<a href='/outside.html'>not below the site's path</a>": "/outside.html",
        "<a href='data.html#gone'>gone</a>": "dead anchor",
        "<img src='seven.png'>": "'seven.png' has no alternative text",
        "<img src='gone.png' alt='gone'>": "'gone.png' does not load",
        "<p style='color: #999'>faint by day</p>": "axe, light: color-contrast",
        "<p style='color: #555'>faint by night</p>": "axe, dark: color-contrast",
        "<div style='width: 900px'>wide</div>": "scrolls sideways at 360 pixels",
        "<img src='heavy.png' alt='noise'>": "the limit is 1,500,000",
    }
    noise = random.Random(0).randbytes(800 * 700 * 3)
    Image.frombytes("RGB", (800, 700), noise).save(site / "heavy.png")
    page = site / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", "".join(faults) + "</main>"), encoding="utf-8")
    found = "\n".join(site_browser.check_in_browser(site, "pages")[0])
    assert [problem for problem in faults.values() if problem not in found] == []


def test_lighthouse_lets_only_the_performance_score_fall(site, monkeypatch):
    monkeypatch.setattr(site_browser, "lighthouse", lambda: None)

    def report(seo, audits):
        categories = {name: {"score": 1, "auditRefs": []} for name in ("accessibility", "best-practices")}
        categories["seo"] = {"score": seo, "auditRefs": [{"id": name, "weight": 1} for name in audits]}
        return {"categories": {**categories, "performance": {"score": 0.5}}, "audits": audits}

    monkeypatch.setattr(site_browser, "run_lighthouse", lambda url, preset: report(1, {}))
    problems, scores = site_browser.check_in_browser(site, "lighthouse")
    assert problems == [] and "index.html mobile: performance 50, accessibility 100" in scores[0] and len(scores) == 4
    title = {"meta-description": {"title": "No description", "score": 0}}
    monkeypatch.setattr(site_browser, "run_lighthouse", lambda url, preset: report(0.9, title))
    problems, _ = site_browser.check_in_browser(site, "lighthouse")
    assert "index.html: Lighthouse, desktop, seo: No description (meta-description)" in problems
    assert "index.html: Lighthouse, desktop: seo is 90, not 100" in problems


def test_a_missing_tool_is_named_with_the_way_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROME_PATH", raising=False)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(site_browser.Missing, match="apt-get install chromium"):
        site_browser.chromium()
    with pytest.raises(site_browser.Missing, match="apt-get install npm"):
        site_browser.lighthouse()


def test_make_test_skips_with_a_reason_only_what_it_cannot_do(monkeypatch, tmp_path):
    def missing():
        raise site_browser.Missing("Lighthouse needs npm")

    monkeypatch.setattr(site_browser, "lighthouse", missing)
    monkeypatch.setattr(check, "built_site", lambda: (tmp_path, ["no build"]))
    assert check.in_browser("lighthouse").skipped == "Lighthouse needs npm"
    assert "FAIL" in str(check.in_browser("theme"))
    monkeypatch.setattr(check, "built_site", lambda: (tmp_path, []))
    monkeypatch.setattr(site_browser, "lighthouse", lambda: None)
    monkeypatch.setattr(site_browser, "check_in_browser", lambda *args: ([], ["index.html: performance 99"]))
    assert str(check.in_browser("lighthouse")).splitlines()[1].strip() == "index.html: performance 99"


def test_the_server_is_like_the_one_where_the_site_is_published(site):
    (site / "notes").mkdir()
    (site / "notes" / "index.html").write_text("notes")
    with site_browser.served(site, "/mnist/") as address:
        with urlopen(Request(address, headers={"Accept-Encoding": "gzip"})) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(reply.read()) == (site / "index.html").read_bytes()
        with urlopen(f"{address}seven.png") as reply:
            assert reply.headers["Content-Encoding"] is None and reply.headers["Content-Type"] == "image/png"
        for path in ("data", "notes", "notes/"):
            assert urlopen(address + path).status == 200
        for path in ("gone.html", "a/b/c", "../../etc/passwd"):
            with pytest.raises(HTTPError) as error:
                urlopen(address + path)
            assert error.value.code == 404
        assert b"It is not here." in error.value.read()
