"""Check the built site as a reader meets it: in Chromium, over HTTP, at the path where it is published.

    python tools/site_browser.py [SITE] [--all] [--only pages search ...]

SITE is the built site's folder (default: _docs). Nothing here depends on which renderer made the pages. Lighthouse
takes about 25 s a page and preset, so it looks at three pages unless `--all` is given.
"""

import argparse
import gzip
import json
import mimetypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COMPRESSED = {"text/html", "text/css", "text/javascript", "application/javascript", "application/json"}
COMPRESSED |= {
    "image/svg+xml",
    "application/xml",
    "text/xml",
    "text/plain",
    "text/markdown",
    "application/x-ipynb+json",
}


# ---------------------------------------------------------------- the server


class Handler(BaseHTTPRequestHandler):
    "Serve a folder as GitHub Pages does: compressed, below a path, with the site's own 404 page."

    protocol_version = "HTTP/1.1"
    folder: Path  # the site
    base: str  # the path below which it is served, with a slash at both ends

    def do_GET(self):
        "Answer a request for a file."
        path = unquote(urlsplit(self.path).path)
        file = self.find(path)
        if file is None and path == self.base[:-1]:
            self.reply(301, b"", "text/html", {"Location": self.base})
        elif file is not None:
            self.reply(200, *contents(file))
        else:
            missing = self.folder / "404.html"
            self.reply(404, *(contents(missing) if missing.is_file() else (b"Not found", "text/html")))

    do_HEAD = do_GET

    def find(
        self,
        path: str,  # the path asked for
    ) -> Path | None:  # the file to send, None if there is none
        "Find a path's file; a folder means its index page, a name without a suffix a page."
        if not path.startswith(self.base):
            return None
        file = (self.folder / path[len(self.base) :]).resolve()
        if not file.is_relative_to(self.folder):
            return None
        for candidate in (file / "index.html" if file.is_dir() else file, file.with_name(file.name + ".html")):
            if candidate.is_file():
                return candidate
        return None

    def reply(
        self,
        status: int,  # the HTTP status
        body: bytes,  # what to send
        kind: str,  # its media type
        headers: dict | None = None,  # more headers
    ) -> None:
        "Send a reply, compressed where the browser takes that and the file is text."
        self.send_response(status)
        if kind in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = compressed(body)
            self.send_header("Content-Encoding", "gzip")
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        fixed = {"Content-Type": kind + charset, "Content-Length": len(body), "Cache-Control": "max-age=600"}
        for name, value in {**fixed, **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        "Print nothing."


def contents(
    file: Path,  # a file of the site
) -> tuple[bytes, str]:  # its bytes and its media type
    "Read a file."
    kinds = {".ipynb": "application/x-ipynb+json", ".md": "text/markdown"}
    return file.read_bytes(), kinds.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"


@cache
def compressed(body: bytes) -> bytes:
    "Compress a file once."
    return gzip.compress(body)


@contextmanager
def served(
    folder: Path,  # the built site
    base: str = "/",  # the path below which it is published
) -> Iterator[str]:  # the site's address
    "Serve a folder on a free port of this machine."
    handler = type("SiteHandler", (Handler,), {"folder": folder.resolve(), "base": base})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}{base}"
    finally:
        server.shutdown()
        server.server_close()


# ---------------------------------------------------------------- the tools


class Missing(Exception):
    "A tool is not there; the message says how to get it."


def chromium() -> str:  # its path
    "Find Chromium: $CHROME_PATH, the system's, or the one that Playwright has downloaded."
    from playwright.sync_api import sync_playwright

    named = os.environ.get("CHROME_PATH")
    if found := named or next(filter(None, map(shutil.which, CHROMIUM)), None):
        return found
    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).is_file():
            return playwright.chromium.executable_path
    raise Missing(
        "the browser checks need Chromium: apt-get install chromium (Debian), "
        f"or {sys.executable} -m playwright install --with-deps chromium, or name one in CHROME_PATH"
    )


def lighthouse() -> Path:  # its command
    "Find Lighthouse, and install it beside the Python packages the first time."
    folder = Path(sys.prefix) / "lighthouse"
    command = folder / "node_modules" / ".bin" / ("lighthouse.cmd" if os.name == "nt" else "lighthouse")
    if command.exists():
        return command
    npm = shutil.which("npm")
    if not npm:
        raise Missing("Lighthouse needs npm: apt-get install npm (Debian), or see https://nodejs.org")
    folder.mkdir(exist_ok=True)
    install = [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", "lighthouse@>=12"]
    done = subprocess.run(install, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise Missing(f"npm could not install Lighthouse: {(done.stderr or done.stdout).strip()[-500:]}")
    return command


# ---------------------------------------------------------------- the checks

PAGE_WEIGHT = 1_500_000  # bytes over the network, before anything is scrolled to
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 360, "height": 740}
TIMEOUT = 120_000  # milliseconds; a busy machine is slow
NOWHERE = "no/such/place"  # an address that no site has
WORDS = ("confusion", "softmax")
SCORES = ("accessibility", "best-practices", "seo")  # each must be 100; performance is only reported
SAMPLE = 3  # how many pages Lighthouse looks at, unless all are asked for

# Everything that a mouse can use and a keyboard must reach.
CONTROLS = """[...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"], [onclick]')].filter(e => !e.disabled
    && (e.tabIndex >= 0 || e.onclick) && e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length)"""
NAME = """e => e && e !== document.body && `${e.tagName.toLowerCase()}${e.id ? '#' + e.id : ''} ${JSON.stringify(
    (e.getAttribute('aria-label') || e.innerText || e.getAttribute('href') || '').trim().slice(0, 40))}`"""
# What an element looks like; it must look different while it has the focus.
LOOK = """e => { const s = getComputedStyle(e); return [s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow,
    s.borderColor, s.backgroundColor, s.textDecoration].join() }"""
# What sticks out to the right of a page that scrolls sideways, unless it scrolls or is cut off in a box of its own.
SIDEWAYS = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')].filter(e => {
        if (e.getBoundingClientRect().right <= width + 1) return false;
        for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
            if (getComputedStyle(p).overflowX !== 'visible') return false;
        return true;
    }).slice(0, 3).map(e => `${e.tagName.toLowerCase()}.${e.className} ${(e.innerText || '').slice(0, 30)}`).concat(
        [`the page is ${document.documentElement.scrollWidth} pixels wide`]);
}"""
UNFOLD = "document.querySelectorAll('details').forEach(d => { d.open = true })"
PICTURES = """async () => {
    const pictures = [...document.images];
    pictures.forEach(i => { i.loading = 'eager' });
    await Promise.all(pictures.map(i => i.decode().catch(() => null)));
    return pictures.map(i => ({src: i.getAttribute('src') || '', loaded: i.naturalWidth > 0,
        named: i.hasAttribute('alt') && (i.alt.trim() !== '' || !!i.closest('a, button')?.innerText.trim())}));
}"""


class SiteBrowser:
    "A served site in a browser, and what is found wrong with it."

    def __init__(
        self,
        folder: Path,  # the built site
        address: str,  # where it is served
        browser,  # Playwright's browser
    ):
        self.address, self.browser = address, browser
        names = (p.relative_to(folder).as_posix() for p in folder.rglob("*.html") if p.name != "404.html")
        self.pages = sorted(names, key=lambda name: (name != "index.html", name))
        self.problems: list[str] = []

    def report(
        self,
        page: str,  # the page's name
        problem: str,  # what is wrong
    ) -> None:
        "Note a problem of a page, once."
        if (line := f"{page}: {problem}") not in self.problems:
            self.problems.append(line)

    @contextmanager
    def open(
        self,
        name: str,  # a page
        size: dict = DESKTOP,  # the window's size
        scheme: str = "light",  # what the reader's system prefers
    ):
        "Open a page in a fresh browser profile; note requests that leave the host or fail, and errors in the console."
        context = self.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        host = urlsplit(self.address).netloc
        missing = f"/{NOWHERE}"

        def asked(request):
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                self.report(name, f"asks another host for {request.url}")

        def answered(response):
            if response.status >= 400 and not response.url.endswith(missing):
                self.report(name, f"status {response.status} for {response.url}")

        def said(message):
            if message.type == "error" and not message.location["url"].endswith(missing):
                self.report(name, f"error in the console: {message.text}")

        page.on("request", asked)
        page.on("response", answered)
        page.on("console", said)
        page.on("pageerror", lambda error: self.report(name, f"error in a script: {error}"))
        try:
            page.goto(self.address + name, wait_until="networkidle")
            yield page
        finally:
            context.close()

    # ---- every page

    def check_pages(self) -> None:
        "Look at every page in light and in dark, wide and narrow."
        places, links = {}, set()
        for name in [*self.pages, NOWHERE]:
            for scheme in ("light", "dark"):
                with self.open(name, scheme=scheme) as page:
                    page.evaluate(UNFOLD)
                    self.check_axe(name, page, scheme)
                    if scheme == "light":
                        self.check_pictures(name, page)
                        places[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
                        found = page.evaluate("[...document.querySelectorAll('a[href]')].map(e => e.href)")
                        host = urlsplit(self.address).netloc
                        links |= {(name, link) for link in found if urlsplit(link).netloc == host}
            with self.open(name, PHONE) as page:
                page.evaluate(UNFOLD)
                for problem in page.evaluate(SIDEWAYS):
                    self.report(name, f"scrolls sideways at {PHONE['width']} pixels: {problem}")
            self.check_weight(name)
        self.check_links(places, links)

    def check_axe(self, name: str, page, scheme: str) -> None:
        "Let axe-core look at a page."
        from axe_playwright_python.sync_playwright import Axe

        for violation in Axe().run(page).response["violations"]:
            node = violation["nodes"][0]["html"][:120]
            self.report(name, f"axe, {scheme}: {violation['id']} ({violation['help']}) at {node}")

    def check_pictures(self, name: str, page) -> None:
        "Check that every picture arrives and says what is seen."
        for picture in page.evaluate(PICTURES):
            if not picture["loaded"]:
                self.report(name, f"picture {picture['src'][:80]!r} does not load")
            if not picture["named"]:
                self.report(name, f"picture {picture['src'][:80]!r} has no alternative text")

    def check_links(self, places: dict[str, set[str]], links: set[tuple[str, str]]) -> None:
        "Follow every link inside the site, to the place in the page."
        context = self.browser.new_context()
        status = {}
        for name, link in sorted(links):
            url, _, place = link.partition("#")
            if url not in status:
                status[url] = context.request.get(url).status
            if status[url] >= 400 and not url.endswith(NOWHERE):
                self.report(name, f"dead link {link}")
            target = url.removeprefix(self.address) or "index.html"
            if place and place not in places.get(target, {place}) and unquote(place) not in places[target]:
                self.report(name, f"dead anchor {link}")
        context.close()

    def check_weight(self, name: str) -> None:
        "Add up what comes over the network before the reader scrolls."
        context = self.browser.new_context(viewport=DESKTOP)
        page, sizes = context.new_page(), []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.goto(self.address + name, wait_until="networkidle")
        context.close()
        if sum(sizes) > PAGE_WEIGHT:
            self.report(name, f"weighs {sum(sizes):,.0f} bytes; the limit is {PAGE_WEIGHT:,}")

    # ---- what a reader does

    def check_search(self) -> None:
        "Search with the keyboard alone: for words, found on the page where they occur most, and for a function."
        wanted = {word: self.pages_about(word) for word in WORDS}
        if name := self.documented_name():
            wanted[name] = {"reference.html"}
        for word, pages in wanted.items():
            for start in ("index.html", NOWHERE):
                with self.open(start) as page:
                    found = self.search(page, word)
                    if not pages & {re.split("[?#]", link)[0] for link in found}:
                        self.report(start, f"a search for {word!r} does not find {' or '.join(pages)}, but {found[:5]}")
                        continue
                    self.check_axe(start, page, "with search results")
                    before = page.url
                    page.keyboard.press("ArrowDown")
                    page.keyboard.press("Enter")
                    try:
                        page.wait_for_url(lambda url, before=before: url != before, timeout=5000)
                    except Exception:
                        self.report(start, f"Enter does not open what a search for {word!r} found")

    def search(self, page, word: str) -> list[str]:
        "Type a word into the search box; returns the links that appear."
        visible = f"{CONTROLS}.filter(e => e.tagName === 'A').map(e => e.href)"
        before = set(page.evaluate(visible))
        box = page.locator('input[type="search"]:visible, [role="searchbox"]:visible').first
        if not box.count():
            page.get_by_role("button", name=re.compile("search", re.IGNORECASE)).first.press("Enter")
        box.focus()
        page.keyboard.type(word, delay=20)
        for _ in range(50):
            page.wait_for_timeout(100)
            if found := [link for link in page.evaluate(visible) if link not in before]:
                page.wait_for_timeout(300)
                found = [link for link in page.evaluate(visible) if link not in before] or found
                return [link.removeprefix(self.address) for link in found]
        return []

    def pages_about(self, word: str) -> set[str]:
        "Find the page on which a word occurs most often."
        counts = {}
        for name in self.pages:
            with self.open(name) as page:
                counts[name] = page.evaluate("document.querySelector('main').innerText").lower().count(word)
        most = max(counts.values())
        return {name for name, count in counts.items() if most and count == most}

    def documented_name(self) -> str | None:
        "Name a function that the reference lists."
        if "reference.html" not in self.pages:
            return None
        with self.open("reference.html") as page:
            return page.evaluate("document.querySelector('main tr a code')?.innerText")

    def check_theme(self) -> None:
        "Switch between light and dark: it shows at once, and is remembered after a reload and on another page."
        for scheme in ("light", "dark"):
            with self.open("index.html", scheme=scheme) as page:
                brightness = [self.brightness(page)]
                switch = page.get_by_role("button", name=re.compile("dark|light|theme|colou?r", re.IGNORECASE)).or_(
                    page.locator("[class*=color-scheme-toggle]:visible")
                )
                switch.first.press("Enter")
                page.wait_for_timeout(300)
                brightness.append(self.brightness(page))
                page.reload(wait_until="networkidle")
                brightness.append(self.brightness(page))
                page.goto(self.address + self.pages[-1], wait_until="networkidle")
                brightness.append(self.brightness(page))
            light = [value > 128 for value in brightness]
            if light != [scheme == "light", *[scheme != "light"] * 3]:
                seen = ", ".join("light" if value else "dark" for value in light)
                self.report("index.html", f"the theme switch: at first, after it, after a reload, elsewhere: {seen}")

    def brightness(self, page) -> float:
        "Measure a page's background, from 0 for black to 255 for white."
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3

    def check_keyboard(self) -> None:
        "Go through pages with the Tab key: it reaches everything, is seen, and its first stop skips the bars."
        for name in self.pages:
            with self.open(name) as page:
                self.walk(name, page)
        with self.open("index.html", PHONE) as page:  # on a phone's width the bars are folded away
            self.walk("index.html at 360 pixels", page)
            for button in page.locator("button[aria-controls]:visible").all():
                button.press("Enter")
                page.wait_for_timeout(600)
            box = page.locator('input[type="search"]:visible, [role="searchbox"]:visible')
            if not box.or_(page.locator('button[title="Search"]:visible')).count():
                self.report("index.html at 360 pixels", "no search box appears when the menus are opened by keyboard")
            self.walk("index.html at 360 pixels, menus open", page)

    def walk(self, name: str, page) -> None:
        "Press Tab until it comes round, and compare where it stopped with all that can be used."
        # A blur alone would let the next Tab go on from where the focus was.
        page.evaluate(
            "const b = document.body; b.tabIndex = -1; b.focus(); b.removeAttribute('tabindex'); scrollTo(0, 0)"
        )
        page.evaluate(f"({CONTROLS}).forEach(e => {{ e.reached = false; e.lookBefore = ({LOOK})(e) }})")
        total = page.evaluate(f"({CONTROLS}).length")
        first = True
        for _ in range(total + 20):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                f"""() => {{ const e = document.activeElement;
                if (!e || e === document.body || e.reached) return null;
                e.reached = true;
                return {{name: ({NAME})(e), href: e.getAttribute('href'), seen: ({LOOK})(e) !== e.lookBefore}} }}"""
            )
            if stop is None:
                break
            if first and "360" not in name:
                first = False
                self.check_skip(name, page, stop)
            if not stop["seen"]:
                self.report(name, f"the focus is not seen on {stop['name']}")
        lost = page.evaluate(f"({CONTROLS}).filter(e => !e.reached).map({NAME})")
        if lost:
            self.report(name, f"the Tab key does not reach {len(lost)} of {total}: {', '.join(lost[:4])}")

    def check_skip(self, name: str, page, stop: dict) -> None:
        "Check that the first stop is a link to the text."
        place = (stop["href"] or "").partition("#")[2]
        if not place or not page.evaluate("id => !!document.getElementById(id)?.closest('main')", place):
            self.report(name, f"the first Tab stop is {stop['name']}, not a link that skips to the text")

    # ---- Lighthouse

    def sample(self) -> list[str]:
        "Choose pages for Lighthouse: the front page, the longest one and the reference."
        with self.open("index.html") as page:
            sizes = {n: page.request.get(self.address + n).headers.get("content-length", "0") for n in self.pages}
        longest = max(self.pages, key=lambda name: int(sizes[name]))
        chosen = ["index.html", longest, "reference.html", *self.pages]
        return [name for name in dict.fromkeys(chosen) if name in self.pages][:SAMPLE]

    def check_lighthouse(self, everything: bool = False) -> list[str]:
        "Let Lighthouse look at pages with both presets; returns a line for each with its four scores."
        lines = []
        for name in self.pages if everything else self.sample():
            for preset in ("mobile", "desktop"):
                report = run_lighthouse(self.address + name, preset)
                scores = {c: round(100 * (report["categories"][c]["score"] or 0)) for c in ("performance", *SCORES)}
                lines.append(f"{name} {preset}: " + ", ".join(f"{c} {score}" for c, score in scores.items()))
                if everything:  # minutes long: let it be seen, and nothing be lost if it is cut short
                    print(lines[-1], file=sys.stderr, flush=True)
                for category in SCORES:
                    for audit in report["categories"][category]["auditRefs"]:
                        found = report["audits"][audit["id"]]
                        if audit["weight"] and found["score"] is not None and found["score"] < 1:
                            self.report(name, f"Lighthouse, {preset}, {category}: {found['title']} ({audit['id']})")
                    if scores[category] < 100:
                        self.report(name, f"Lighthouse, {preset}: {category} is {scores[category]}, not 100")
        return lines


def run_lighthouse(
    url: str,  # a page's address
    preset: str,  # `mobile` or `desktop`
) -> dict:  # Lighthouse's report
    "Run Lighthouse on a page."
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "report.json"
        command = [lighthouse(), url, "--quiet", "--output=json", f"--output-path={file}"]
        command += [f"--chrome-flags=--headless=new {' '.join(FLAGS)}"]
        command += ["--preset=desktop"] if preset == "desktop" else []
        env = {**os.environ, "CHROME_PATH": chromium()}
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, timeout=600)
        if not file.is_file():
            raise RuntimeError(f"Lighthouse made no report of {url}: {done.stderr.strip()[-500:]}")
        return json.loads(file.read_text(encoding="utf-8"))


CHECKS = {
    "pages": SiteBrowser.check_pages,
    "search": SiteBrowser.check_search,
    "theme": SiteBrowser.check_theme,
    "keyboard": SiteBrowser.check_keyboard,
    "lighthouse": SiteBrowser.check_lighthouse,
}


def published_path(
    folder: Path,  # the built site
) -> str:  # the path of its published address, `/` if it has none
    "Read from the front page below which path the site is published."
    link = re.search(r'<link[^>]*rel="canonical"[^>]*>', (folder / "index.html").read_text(encoding="utf-8"))
    href = re.search(r'href="([^"]*)"', link[0]) if link else None
    return (urlsplit(href[1]).path if href else "") or "/"


def check_in_browser(
    folder: Path,  # the built site
    name: str,  # which of CHECKS to make
    everything: bool = False,  # Lighthouse on every page
) -> tuple[list[str], list[str]]:  # the problems, and Lighthouse's scores
    "Make one check of a site in a browser of its own."
    from playwright.sync_api import sync_playwright

    path = chromium()
    if name == "lighthouse":
        lighthouse()
    with served(folder, published_path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        site = SiteBrowser(folder, address, browser)
        if not site.pages:
            return [f"expected pages in {folder}, found none"], []
        try:
            scores = CHECKS[name](site, everything) if name == "lighthouse" else CHECKS[name](site)
        finally:
            browser.close()
    return site.problems, scores or []


def main() -> int:  # the exit status
    "Run the command."
    parser = argparse.ArgumentParser(description="Check a built site in Chromium, over HTTP.")
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "_docs", help="the site's folder (default: _docs)")
    parser.add_argument("--all", action="store_true", help="Lighthouse on every page")
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS), help="make only these checks")
    args = parser.parse_args()
    if not (args.site / "index.html").is_file():
        print(f"There is no site in {args.site}. Build it with: make site", file=sys.stderr)
        return 1
    failed = 0
    for name in args.only:
        try:
            problems, scores = check_in_browser(args.site, name, args.all)
        except Missing as error:
            problems, scores = [str(error)], []
        lines = [f"{name}: {len(problems)} problems", *(f"  {line}" for line in scores + problems)]
        print("\n".join(lines), flush=True)
        failed += bool(problems)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
