"""Write what a site needs beside its pages: Markdown copies, preview cards, sitemap, robots.txt, llms.txt, a 404 page.

Both renderers offer some of it, each in its own way and neither all of it, so it is made here, for both alike.
"""

import html
import io
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

CARDS, NOTEBOOKS = "cards", "notebooks"  # folders of the site: preview pictures, notebooks to download
CARD_SIZE = (1200, 630)  # what the services that show previews ask for
PAPER, INK, SOFT, WARM = "#fcfbf8", "#24272e", "#5b606b", "#9a4a12"  # as in styles.css
ATTRIBUTES = re.compile(r"(?<=\))\{target=[^}]*\}")  # how nbdev styles its link to a source
NOT_FOUND = """---
title: This page is not here
description: The address may be old, or have a slip in it.
search: false
toc: false
page-navigation: false
---

Three ways on:

- begin at [the front page](index.ipynb), which lists every chapter;
- choose a chapter from the list beside this text (on a small screen, open it with the button at the top);
- search for a word with the box at the top of the page.
"""

# ---------------------------------------------------------------- Markdown copies


def pipe_table(
    table: Tag,  # an HTML table
) -> str:  # the same in Markdown
    "Write a table as Markdown; every row is padded to the longest."
    rows = [[c.get_text(" ", strip=True).replace("|", "\\|") for c in tr.find_all(["td", "th"])] for tr in table("tr")]
    width = max((len(row) for row in rows), default=0)
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]])


def plain_output(
    markup: str,  # an output's HTML
) -> str:  # the same in Markdown
    "Write an output's pictures, tables or text as Markdown."
    soup = BeautifulSoup(markup, "html.parser")
    for style in soup("style"):
        style.decompose()
    parts = [f"![{img['alt']}]({img['src']})" for img in soup("img")] + [pipe_table(table) for table in soup("table")]
    return "\n\n".join(parts) or soup.get_text(" ", strip=True)


def fenced(
    text: str,  # code or text
    kind: str = "text",  # its language
) -> str:  # a code block
    "Put text into a fence that is longer than any inside it."
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`{3,}", text)), 3)
    return f"{fence}{kind}\n{text.rstrip()}\n{fence}"


def markdown_output(
    output: dict,  # an output as nbdev left it
    rendered: dict,  # the same output as process_notebook made it
) -> str:  # Markdown
    "Write one output of a code cell as Markdown."
    if output["output_type"] == "stream":
        return fenced("".join(output["text"]))
    if output["output_type"] == "error":
        return fenced(f"{output['ename']}: {output['evalue']}")
    if "text/markdown" in output["data"]:
        return ATTRIBUTES.sub("", "".join(output["data"]["text/markdown"]))
    raw = re.fullmatch(r"```\{=html\}\n(.*)\n```\n", rendered["data"].get("text/markdown", ""), re.DOTALL)
    return plain_output(raw[1]) if raw else fenced("".join(output["data"].get("text/plain", "")))


def markdown_copy(
    before: list[dict],  # a notebook's cells as nbdev left them
    after: list[dict],  # the same cells as process_notebook made them, with pictures as files
    meta: dict,  # the page's front matter
) -> str:  # the page in Markdown
    "Write a page as Markdown, for a reader that is a program: TeX stays TeX, tables are pipe tables."
    parts = [f"# {meta['title']}", f"> {meta['description']}" if meta.get("description") else ""]
    for old, new in zip(before, after, strict=True):
        if old["cell_type"] == "markdown":
            parts.append("" if old["source"].startswith("<!--") else old["source"])
        elif old["cell_type"] == "code":
            code = "\n".join(line for line in new["source"].split("\n") if not line.startswith("#|"))
            parts.append("" if "#| echo: false" in old["source"] else fenced(code.strip("\n"), "python"))
            outputs = zip(old.get("outputs", []), new.get("outputs", []), strict=True)
            parts += [markdown_output(*pair) for pair in outputs]
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


# ---------------------------------------------------------------- the head of a page


def page_address(
    page: str,  # a page's file, such as `data.html`
    site,  # the site
) -> str:  # where it is published
    "Write a page's one address; the front page is the site's own address."
    return site.url if page == "index.html" else site.url + page


def set_head(
    soup: BeautifulSoup,  # a rendered page, changed in place
    page: str,  # its file
    site,  # the site
) -> None:
    "Say in the head what a search engine, a preview and a program read: one form for both renderers."
    for old in soup.select('link[rel="canonical"], meta[property^="og:"], meta[name^="twitter:"]'):
        old.decompose()
    title = soup.title.get_text(strip=True)
    description = soup.find("meta", attrs={"name": "description"})
    heading = soup.find("h1")
    said = {
        "og:title": heading.get_text(strip=True) if heading else title,
        "og:description": description["content"] if description else "",
        "og:type": "website" if page == "index.html" else "article",
        "og:url": page_address(page, site),
        "og:site_name": title.split(" – ")[-1],
        "og:locale": soup.html.get("lang", "en").replace("-", "_"),
        "og:image": f"{site.url}{CARDS}/{Path(page).stem}.png",
        "og:image:width": CARD_SIZE[0],
        "og:image:height": CARD_SIZE[1],
        "og:image:alt": "The title of the page beside a picture from it",
    }
    for name, content in said.items():
        soup.head.append(soup.new_tag("meta", attrs={"property": name, "content": str(content)}))
    soup.head.append(soup.new_tag("meta", attrs={"name": "twitter:card", "content": "summary_large_image"}))
    soup.head.append(soup.new_tag("link", attrs={"rel": "canonical", "href": page_address(page, site)}))
    copy_of = {"rel": "alternate", "type": "text/markdown", "href": f"{page}.md", "title": "This page in Markdown"}
    soup.head.append(soup.new_tag("link", attrs=copy_of))


def finish_not_found(
    soup: BeautifulSoup,  # the rendered 404 page, changed in place
    site,  # the site
) -> None:
    "Write the 404 page's links from the host's root: it is shown at any depth. Keep it out of search engines."
    base = urlsplit(site.url).path or "/"
    for tag in soup.find_all(True):
        for name in ("href", "src"):
            link = tag.get(name)
            if link and not re.match(r"[a-z]+:|[/#?]", link):
                tag[name] = base + link.removeprefix("./")
    for meta in soup.find_all("meta", attrs={"name": re.compile(":offset$")}):
        meta["content"] = base
    soup.head.append(soup.new_tag("meta", attrs={"name": "robots", "content": "noindex"}))


# ---------------------------------------------------------------- preview cards


def wrapped(
    text: str,  # a text
    font: ImageFont.FreeTypeFont,  # its font
    width: int,  # the space it has, in pixels
) -> list[str]:  # its lines
    "Break a text into lines that fit."
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def card(
    title: str,  # the page's title
    description: str,  # its summary
    site_title: str,  # the site's title
    thumbnail: Path | None,  # a picture of it
) -> bytes:  # a PNG file
    "Draw the picture that is shown where a link to a page is shared."
    image = Image.new("RGB", CARD_SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    fonts = {
        "title": ("DejaVu Serif", "bold", 58),
        "text": ("DejaVu Sans", "normal", 27),
        "site": ("DejaVu Sans", "bold", 24),
    }
    named = {
        name: ImageFont.truetype(font_manager.findfont(font_manager.FontProperties(family=family, weight=weight)), size)
        for name, (family, weight, size) in fonts.items()
    }
    draw.rectangle((72, 84, 168, 92), fill=WARM)
    y, width = 116, 600 if thumbnail else 1050
    for name, text, colour, most in (("title", title, INK, 3), ("text", description, SOFT, 7)):
        for line in wrapped(text, named[name], width)[:most]:
            draw.text((72, y), line, font=named[name], fill=colour)
            y += round(named[name].size * 1.35)
        y += 18
    draw.text((72, 545), site_title, font=named["site"], fill=INK)
    if thumbnail:
        with Image.open(thumbnail) as picture:
            picture = picture.convert("RGBA").resize((440, 264), Image.Resampling.LANCZOS)
        draw.rectangle((707, 147, 1151, 415), fill="#dedad0")
        image.paste("#ffffff", (709, 149, 1149, 413))
        image.paste(picture, (709, 149), picture)
    file = io.BytesIO()
    image.quantize(96).save(file, "PNG", optimize=True)
    return file.getvalue()


# ---------------------------------------------------------------- the reference


def reference_entries(
    soup: BeautifulSoup,  # the reference page, changed in place
) -> dict[str, str]:  # what each name does
    "Give each row of the reference an anchor of its own, so that a chapter and the search can link to it."
    entries = {}
    for row in soup.select("main tr"):
        link = row.find("a", href=re.compile("#"))
        name = link.get_text(strip=True) if link else ""
        if link and link["href"].split("#")[1].lower() == name.lower():  # a class has its place in small letters
            row["id"] = name
            entries[name] = row.get_text(" ", strip=True).removeprefix(name).strip()
    return entries


def link_to_reference(
    soup: BeautifulSoup,  # a chapter, changed in place
    page: str,  # the reference page
    entries: dict[str, str],  # what it holds
) -> None:
    "Link each documented name of a chapter to its row in the reference, beside the link to its source."
    headings = ["h2", "h3", "h4"]
    for heading in soup.select("main :is(h2, h3, h4)"):
        text = heading.get_text(strip=True)
        source = heading.find_previous("a", string="source")  # Quarto may have put it into another section
        if source and source.find_next(headings) is heading and (name := text.split(".")[0]) in entries:
            before = source.parent
            source.attrs = {"href": source["href"], "aria-label": f"source of {text}"}
            link = soup.new_tag("a", attrs={"href": f"{page}#{name}", "aria-label": f"{text} in the reference"})
            link.string = "reference"
            before["class"] = "doc-links"
            before.insert(0, link)


def index_reference(
    search: Path,  # the site's search.json
    page: str,  # the reference page
    entries: dict[str, str],  # what it holds
) -> None:
    "Let the search find each name of the library, first of all in the reference."
    index = json.loads(search.read_text(encoding="utf-8"))
    rows = [
        {"objectID": f"{page}#{name}", "href": f"{page}#{name}", "title": "Reference", "section": name, "text": text}
        for name, text in entries.items()
    ]
    search.write_text(json.dumps(rows + index, ensure_ascii=False), encoding="utf-8")


# ---------------------------------------------------------------- files for the whole site


def sitemap(
    pages: list[str],  # the pages
    site,  # the site
) -> str:  # the text of sitemap.xml
    "List the pages for search engines."
    urls = "\n".join(f"  <url><loc>{html.escape(page_address(page, site))}</loc></url>" for page in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'
    )


def llms(
    pages: dict[str, BeautifulSoup],  # the pages
    site,  # the site
) -> str:  # the text of llms.txt
    "List the Markdown copies with their summaries, the front page's first."
    lines = []
    for page, soup in pages.items():
        said = soup.find("meta", attrs={"name": "description"})
        about = f": {said['content']}" if said else ""
        title = soup.title.get_text(strip=True)
        if page == "index.html":
            lines = [f"# {title}", "", f"> {about.removeprefix(': ')}", "", "## Pages", "", *lines]
        lines.append(f"- [{title.split(' – ')[0]}]({site.url}{page}.md){about}")
    return "\n".join(lines) + "\n"


def write_site_files(
    built: Path,  # the rendered site
    pages: dict[str, BeautifulSoup],  # its pages, the front page first
    site,  # the site
) -> None:
    "Write sitemap.xml, robots.txt and llms.txt, and a preview card for each page."
    if not site.url:  # an unpublished site has no addresses to list
        return
    (built / "sitemap.xml").write_text(sitemap(list(pages), site), encoding="utf-8")
    (built / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {site.url}sitemap.xml\n", encoding="utf-8")
    (built / "llms.txt").write_text(llms(pages, site), encoding="utf-8")
    (built / CARDS).mkdir(exist_ok=True)
    thumbnails = {html_page: built / "images" / f"{Path(nb).stem}.png" for nb, html_page in site.pages.items()}
    first = next((path for path in thumbnails.values() if path.is_file()), None)
    for page, soup in pages.items():
        said = {meta["property"]: meta["content"] for meta in soup.select('meta[property^="og:"]')}
        thumbnail = thumbnails[page] if thumbnails[page].is_file() else first
        picture = card(said["og:title"], said["og:description"], said["og:site_name"], thumbnail)
        (built / CARDS / f"{Path(page).stem}.png").write_bytes(picture)
