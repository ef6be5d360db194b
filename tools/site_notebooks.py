"""Turn the notebooks that nbdev processed into pages that Quarto and smalldocs render alike.

nbdev's own processing leaves things that the two renderers treat differently, or that need a network.
Everything here is done to the notebooks, before either renderer sees them:

- a page is named as nbdev's links expect it (`00_data.ipynb` becomes `data.ipynb`), and links follow;
- TeX becomes MathML, which browsers draw by themselves;
- collapsed callouts become `<details>`, which works without JavaScript and with a keyboard;
- pictures become files with alternative text and their size, tables become plain accessible tables.
"""

import ast
import base64
import html
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag
from latex2mathml.converter import convert

FIGURES = "figures"  # the folder of a page's pictures, inside the site
IMAGE_SUFFIX = {"image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}
WIDE_TABLE = 15  # from this number of columns a table is set small, so that 28 pixels fit the page
CALLOUT_TITLES = {"note": "Note", "tip": "Tip", "warning": "Warning", "caution": "Caution", "important": "Important"}

# Code comes first, so that a dollar inside code is never taken for maths. Inline maths as in Pandoc: no space
# just inside the dollars, no digit after the closing one.
MATHS = re.compile(
    r"(?P<code>^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[ \t]*$|(?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`)|\\\$)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|\$(?P<inline>(?=\S)(?:[^$`\\\n]|\\.|\n(?!\n))+?(?<=\S))\$(?!\d)",
    re.MULTILINE | re.DOTALL,
)
FENCE_DIV = re.compile(r"^:{3,}\s*(\S.*)?$")
CELL_OPTION = re.compile(r"^#\|\s*([\w-]+)\s*:\s*(.*)$")
HTML_TAG = re.compile(r"functools\.partial\(<function ft at 0x[0-9a-f]+>, '(\w+)'[^)]*\)")
STYLE_RULE = re.compile(r"\{([^{}]*)\}")
TEXT_COLOUR = re.compile(r"(?<![\w-])color:[^;]*;?")
HEX_BACKGROUND = re.compile(r"background-color:\s*#([0-9a-fA-F]{6})")


@dataclass
class Site:
    "What a page needs to know of the site it is on."

    pages: dict[str, str]  # the page of each notebook: `00_data.ipynb` is `data.html`
    url: str = ""  # where the site is published, with a slash at its end
    repository: str = ""  # the repository's address
    branch: str = "main"  # its branch


@dataclass
class Page:
    "A page while it is processed: its name, and the files it needs beside it."

    name: str  # the name without a suffix, such as `data`
    files: dict[str, bytes] = field(default_factory=dict)  # pictures by their path inside the site
    tables: int = 0  # how many tables it has so far, to name each


# ---------------------------------------------------------------- text


def mathml(
    tex: str,  # a formula, without its dollars
    display: str = "inline",  # `inline` or `block`
) -> str:  # the formula as MathML that no Markdown reader will touch
    "Turn TeX into MathML, and write its punctuation as entities so that Markdown sees no `*`, `_` or `|` in it."
    tex = " ".join(tex.split()).replace("{aligned}", "{align*}")  # the converter knows only align*
    markup = convert(tex, display=display)
    markup = re.sub(r"<mo([^>]*)>(?=&#x0007C;)", r'<mo\1 lspace="0" rspace="0">', markup)  # |x| without gaps
    return re.sub(r">([^<]+)<", lambda m: f">{_entities(html.unescape(m.group(1)))}<", markup)


def _entities(text: str) -> str:
    "Write everything but letters and digits as numeric entities."
    return "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in text)


def tex_to_mathml(
    text: str,  # Markdown
) -> str:  # the same with every formula as MathML
    "Replace `$…$` and `$$…$$` by MathML; code is left as it is."

    def replace(m: re.Match) -> str:
        if m["code"]:
            return m[0]
        return mathml(m["display"], "block") if m["display"] else mathml(m["inline"])

    return MATHS.sub(replace, text) if "$" in text else text


def relink(
    text: str,  # Markdown
    site: Site,  # the site's pages and its address
) -> str:  # the same with links that work inside the site
    "Point links at pages instead of notebooks, and make links to the published site relative."
    for notebook, page in site.pages.items():
        text = re.sub(rf"""(?<=[("'])(?:\./)?{re.escape(notebook)}(?=[#)"' ])""", page, text)
    return text.replace(site.url, "") if site.url else text


def fold_callouts(
    cells: list[dict],  # a notebook's cells, changed in place
) -> None:
    "Turn collapsed callouts, which may run over several cells, into `<details>`."
    closers: list[str] = []  # for each open `:::` block, the line that closes it
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        lines, in_code = [], False
        for line in cell["source"].split("\n"):
            in_code ^= line.startswith("```")
            fence = None if in_code else FENCE_DIV.match(line)
            if not fence:
                lines.append(line)
            elif not fence[1]:
                lines.append(closers.pop() if closers else line)
            elif "callout-" in fence[1] and re.search(r"""collapse=["']?true""", fence[1]):
                closers.append("\n</details>\n")
                lines.append(_details(fence[1]))
            else:
                closers.append(":::")
                lines.append(line)
        cell["source"] = "\n".join(lines)


def _details(attributes: str) -> str:
    "Open a `<details>` for the attributes of a callout."
    kind = re.search(r"callout-(\w+)", attributes)[1]
    title = re.search(r"""title=(["'])(.*?)\1""", attributes)
    name = title[2] if title else CALLOUT_TITLES.get(kind, kind.capitalize())
    return f'\n<details class="fold">\n<summary>{html.escape(name)}</summary>\n'


# ---------------------------------------------------------------- outputs


def cell_options(
    source: str,  # a code cell's source
) -> tuple[dict, str]:  # its `#| key: value` options, and the source without the two that are used up here
    "Read a cell's options, and take out `fig-alt` and `fig-cap`, which become part of the picture."
    options, lines, in_head = {}, [], True
    for line in source.split("\n"):
        m = CELL_OPTION.match(line) if in_head else None
        in_head = in_head and line.startswith("#|")
        if m:
            try:
                options[m[1]] = yaml.safe_load(m[2])
            except yaml.YAMLError:
                options[m[1]] = m[2]
        if not (m and m[1] in ("fig-alt", "fig-cap")):
            lines.append(line)
    return options, "\n".join(lines)


def png_size(
    data: bytes,  # a PNG file
) -> tuple[int, int] | None:  # width and height in pixels, None when it is no PNG
    "Read a PNG's size, so that the page does not jump while it loads."
    return struct.unpack(">II", data[16:24]) if data[:8] == b"\x89PNG\r\n\x1a\n" else None


def picture(
    page: Page,  # the page that shows it
    data: bytes,  # the picture's file
    suffix: str,  # the file's suffix
    alt: str,  # what is seen
    caption: str = "",  # a caption under it
) -> str:  # an HTML figure
    "Keep a picture as a file of its own and show it with its alternative text."
    path = f"{FIGURES}/{page.name}-{len(page.files) + 1}{suffix}"
    page.files[path] = data
    size = png_size(data)
    dims = f' width="{size[0]}" height="{size[1]}"' if size else ""
    cap = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    img = f'<img src="{path}" alt="{html.escape(alt)}"{dims} loading="lazy">'
    return f'<figure class="plot">{img}{cap}</figure>'


def readable_colours(
    css: str,  # the rules of a pandas Styler
) -> str:  # the same, where each background has the text colour that is read best on it
    "Write black or white text on each coloured cell: pandas' own choice falls short of WCAG AA on middle greys."

    def recolour(m: re.Match) -> str:
        background = HEX_BACKGROUND.search(m[1])
        if not background:
            return m[0]
        rule = TEXT_COLOUR.sub("", m[1]).strip().rstrip(";")
        text = "#000000" if luminance(bytes.fromhex(background[1])) > 0.179 else "#ffffff"
        return f"{{{rule}; color: {text};}}"

    return STYLE_RULE.sub(recolour, css)


def luminance(
    rgb: bytes,  # red, green and blue
) -> float:  # from 0 for black to 1 for white
    "Compute WCAG's relative luminance; at 0.179 black and white text are read equally well."
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def tidy_table(
    table: Tag,  # a table, changed in place
    label: str,  # a name for the box it scrolls in
) -> None:
    "Make a pandas table accessible and leave its look to the site's stylesheet."
    for tag in [table, *table.find_all(True)]:
        for name in ("border", "style", "align", "valign"):
            tag.attrs.pop(name, None)
    for th in table.find_all("th"):
        if not th.get_text(strip=True):  # an empty header says nothing to a screen reader
            th.name = "td"
            th.attrs.pop("scope", None)
    columns = max((len(row.find_all(["td", "th"])) for row in table.find_all("tr")), default=0)
    classes = ["data", *(["wide"] if columns >= WIDE_TABLE else [])]
    table["class"] = classes
    table["data-quarto-disable-processing"] = "true"  # Quarto would turn it into a Pandoc table
    box = BeautifulSoup("", "html.parser").new_tag("div", attrs={"class": "table-box"})
    box.attrs.update({"role": "group", "tabindex": "0", "aria-label": label})
    table.wrap(box)


def tidy_html(
    page: Page,  # the page that shows it
    markup: str,  # the HTML of an output
    alt: str = "",  # the alternative text for pictures without one
) -> str:  # the same, fit for the site
    "Clean the HTML of a cell's output: tables, a Styler's colours, pictures, and no stray style or script."
    soup = BeautifulSoup(markup, "html.parser")
    styler = soup.find("table", id=re.compile("^T_"))
    for style in soup.find_all("style"):
        if styler is None:
            style.decompose()
        else:
            style.string = readable_colours(style.string or "")
    for tag in soup.find_all(["script", "progress"]):
        tag.decompose()
    for img in soup.find_all("img"):
        img["alt"] = img.get("alt") or alt
    for table in soup.find_all("table"):
        page.tables += 1
        tidy_table(table, f"Table {page.tables}")
    return str(soup).strip()


def raw_block(
    markup: str,  # HTML
) -> dict:  # a Markdown output that holds it
    "Wrap HTML as a raw Markdown block: Quarto loads jquery and requirejs from a CDN for every HTML output."
    return {"text/markdown": f"```{{=html}}\n{markup}\n```\n"}


def process_output(
    page: Page,  # the page that shows it
    data: dict,  # an output's data by type
    options: dict,  # the cell's options
    n: int,  # which picture of the cell this is, from 0
    site: Site,  # the site's pages and its address
) -> dict:  # the data to render
    "Give an output one form that both renderers show in the same way."
    alt = options.get("fig-alt") or ""
    alt = str(alt[min(n, len(alt) - 1)] if isinstance(alt, list) else alt)
    if "text/markdown" in data:
        return {"text/markdown": tex_to_mathml(relink(data["text/markdown"], site))}
    if "text/html" in data:
        return raw_block(tidy_html(page, data["text/html"], alt))
    if "text/latex" in data:
        return {"text/markdown": tex_to_mathml(data["text/latex"])}
    for kind, suffix in IMAGE_SUFFIX.items():
        if kind in data:
            content = data[kind].encode() if kind == "image/svg+xml" else base64.b64decode(data[kind])
            return raw_block(picture(page, content, suffix, alt, str(options.get("fig-cap") or "")))
    return data


# ---------------------------------------------------------------- cells and the notebook


def drop_noise(
    cells: list[dict],  # a notebook's cells as nbdev left them, changed in place
) -> None:
    "Drop what nbdev's own run of the imports wrote, and name the types that it took for tags of fastcore's HTML."
    for cell in cells:
        outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        for output in outputs:
            if text := output.get("data", {}).get("text/markdown"):
                named = HTML_TAG.sub(lambda m: m[1].capitalize(), "".join(text))  # `Figure` is matplotlib's here
                output["data"]["text/markdown"] = named
        if "outputs" in cell:
            cell["outputs"] = outputs


def fold_imports(
    source: str,  # a code cell's source
) -> str:  # the same, folded if it only imports
    "Fold a cell of imports away: they are the same in every chapter, and stand between the reader and its start."
    lines = source.split("\n")
    head = [line for line in lines if line.startswith("#|")]
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a line for the shell, or a magic
        return source
    if not body or not all(isinstance(node, ast.Import | ast.ImportFrom) for node in body):
        return source
    kept = [line for line in head if not line.startswith(("#| code-fold", "#| code-summary"))]
    return "\n".join([*kept, "#| code-fold: true", '#| code-summary: "Imports"', *lines[len(head) :]])


def process_code(
    cell: dict,  # a code cell, changed in place
    page: Page,  # its page
    site: Site,  # the site's pages and its address
) -> None:
    "Process a code cell: its options and its outputs."
    options, cell["source"] = cell_options(fold_imports(cell["source"]))
    if options.get("echo") is False and "output" not in options and any(
        "text/markdown" in output.get("data", {}) for output in cell.get("outputs", [])
    ):
        cell["source"] = "#| output: asis\n" + cell["source"]  # so that its headings are in the list of contents
    pictures = 0
    for output in cell.get("outputs", []):
        if "data" in output:
            output["data"] = process_output(page, output["data"], options, pictures, site)
            pictures += 1


def front_matter(
    source: str,  # the front matter that nbdev wrote
) -> str:  # the same, where the page's name is its file's name
    "Drop `output-file`: the file itself has the page's name, and smalldocs does not read it."
    meta = yaml.safe_load(source.strip().strip("-"))
    meta.pop("output-file", None)
    return f"---\n{yaml.safe_dump(meta, allow_unicode=True, sort_keys=False)}---\n"


def process_notebook(
    nb: dict,  # a notebook as nbdev processed it, changed in place
    notebook: str,  # its file name, such as `00_data.ipynb`
    site: Site,  # the site it is for
) -> Page:  # its page, with the files it needs
    "Process one notebook for both renderers."
    page = Page(Path(site.pages[notebook]).stem)
    nb["metadata"].pop("widgets", None)  # Quarto loads a widget manager from a CDN when it finds them
    cells = nb["cells"]
    fold_callouts(cells)
    for i, cell in enumerate(cells):
        cell.get("metadata", {}).pop("execution", None)  # nbdev's clock; with it Quarto boxes a cell that says `output: asis`
        if cell["cell_type"] == "markdown":
            cell["source"] = tex_to_mathml(relink(cell["source"], site))
        elif cell["cell_type"] == "code":
            process_code(cell, page, site)
        elif i == 0 and cell["source"].startswith("---"):
            cell["source"] = front_matter(cell["source"])
    return page
