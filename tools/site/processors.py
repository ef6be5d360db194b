"""What is done to each notebook before a renderer sees it: nbdev processors, named as `doc_procs` in pyproject.toml.

`nbdev-docs` and `tools/site/build.py` both run them; the notebooks themselves keep everything. No code is run:
pyproject.toml skips those of nbdev's processors that would, and that would list each function a second time.
"""

import ast
import base64
import html
import io
import json
import re
import zlib
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from fastcore.foundation import L
from fastcore.nbio import mk_cell
from latex2mathml.converter import convert
from nbdev.config import get_config, nbpath2html
from nbdev.doclinks import NbdevLookup, patch_name
from nbdev.process import Processor
from PIL import Image

import mnist_nb
from tools.site.card import draw_card

GITHUB, COLAB = "https://github.com/", "https://colab.research.google.com/github/"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
INTERACTIVE = "application/vnd.mnist-nb.interactive+json"  # what `mnist_nb.playground.InteractiveFigure` leaves
DPI = 100  # at which mnist_nb/course.mplstyle draws a figure; a picture that does not say has as many
WIDE_TABLE = 15  # from this number of columns a table is set small, so that 28 pixels fit the page


def _page_name(nb) -> str:
    "Name a notebook's page as nbdev's links do: `90_data.ipynb` becomes `data`."
    return nbpath2html(Path(nb.path_)).stem


def _staged(path: str) -> Path:
    "Make room for a file that is made here, where the renderers find it."
    file = get_config().config_path / "_proc" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _raw(markup: str) -> str:
    "Wrap HTML as Markdown. For an output of HTML, Quarto would load jquery and requirejs from another host."
    return f"```{{=html}}\n{markup}\n```\n"


class page_head(Processor):
    "Offer a page's notebook below its title, and draw the card that is shown where the page is shared."

    def begin(self):
        cfg, notebook, name = get_config(), Path(self.nb.path_), _page_name(self.nb)
        pictures = sorted((cfg.nbs_path / "images").glob("*.png"))
        thumbnail = next((p for p in pictures if p.stem == notebook.stem), pictures[0])
        meta = {**self.nb.frontmatter_, "image": f"cards/{name}.png"}
        meta["image-alt"] = "The title of the page beside a picture from it"
        draw_card(meta["title"], meta.get("description", ""), cfg.title, thumbnail, _staged(meta["image"]))
        self.nb.cells[0].source = f"---\n{yaml.safe_dump(meta, allow_unicode=True, sort_keys=False)}---\n"
        links, file = [], f"blob/{cfg.branch}/{cfg.nbs_path.name}/{notebook.name}"
        if name == "index" and (chapters := sorted(notebook.parent.glob("[0-9]*.ipynb"))):
            links.append(f"[Start with the first chapter]({chapters[0].name}){{.to-start}}")
        if cfg.git_url.startswith(GITHUB):
            links.append(f"[Open in Colab]({COLAB}{cfg.git_url.removeprefix(GITHUB)}/{file}){{.to-colab}}")
        links.append(f"[View source]({cfg.git_url}/{file}){{.to-source}}")
        self.nb.cells.insert(1, mk_cell("\n".join(["::: {.page-tools}", *links, ":::"]), "markdown"))


# ---------------------------------------------------------------- code


def _is_check(node: ast.AST) -> bool:
    "Recognise an `assert`, and a call of fastcore's `test_eq` and its like."
    called = getattr(node, "func", None)
    return isinstance(node, ast.Assert) or (isinstance(called, ast.Name) and called.id.startswith("test_"))


def count_checks(
    body: list[ast.stmt],  # a cell's statements
) -> int:  # how many checks it makes; 0 if it does anything else
    "Count the checks of a cell that only checks: beside them stand assignments, and `with` and `for` around them."

    def only_checks(node: ast.stmt, prepared: bool = False) -> bool:
        if isinstance(node, ast.With | ast.For):
            return all(only_checks(part, prepared or isinstance(node, ast.With)) for part in node.body)
        if isinstance(node, ast.Expr):  # in the `with` block of a temporary folder, a call prepares a check
            return _is_check(node.value) or (prepared and isinstance(node.value, ast.Call))
        return isinstance(node, ast.Assert | ast.Assign | ast.AugAssign | ast.AnnAssign)

    return sum(_is_check(n) for node in body for n in ast.walk(node)) if all(map(only_checks, body)) else 0


def _defined(body: list[ast.stmt]) -> list[str]:
    "Name the functions, classes and methods (`Class.method`) that a cell defines; `_` is a name that nobody asks for."
    defined = [node for node in body if isinstance(node, DEFINITIONS)]
    found = [(node, name) for node in defined for name in L(patch_name(node)) if name != "_"]
    methods = [(name, m) for node, name in found if isinstance(node, ast.ClassDef) for m in node.body]
    return [name for _, name in found] + [f"{name}.{m.name}" for name, m in methods if isinstance(m, DEFINITIONS)]


IMPORTS = '#| code-fold: true\n#| code-summary: "Imports"\n'


class show_code(Processor):
    "Show the lesson's code once, with a place for each name; fold imports, checks, and what a chapter only needs."

    def begin(self):
        cells, module = [], ""
        for cell in self.nb.cells:
            flags = cell.directives_
            module = flags.get("default_exp", module)
            if cell.cell_type == "code" and "default_exp" not in flags:
                body = cell.parsed_() or []
                names = _defined(body) if flags.keys() & {"export", "exports", "exporti"} else []
                if names:
                    cells.append(self.places(module, names, "exports" in flags))
                summary = self.summary(body, flags, cell.outputs)
                if summary == "Imports" and cells and cells[-1].source.startswith(IMPORTS):  # one fold for two cells
                    cells[-1].source += f"\n{cell.source}"
                    continue
                if summary:
                    cell.source = f'#| code-fold: true\n#| code-summary: "{summary}"\n{cell.source}'
            if "default_exp" not in flags:
                cells.append(cell)
        self.nb.cells = cells

    def summary(self, body, flags, outputs):
        "Say in a line what a fold holds; nothing for code that is shown."
        if body and all(isinstance(node, ast.Import | ast.ImportFrom) for node in body):
            return "Imports"
        if flags.keys() & {"export", "exporti"}:
            assigned = [t.id for n in body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
            names = [name for name in _defined(body) if "." not in name] or assigned
            return ", ".join([name for name in names if name[0] != "_"] or names or ["Code"])
        n = 0 if outputs or "exports" in flags else count_checks(body)
        return f"{n} check{'s' * (n > 1)} passed" if n else ""

    def places(self, module, names, shown):
        "Give each name its place on the page, as nbdev's links expect it; where the code is shown, name it."
        lines, lookup = [], NbdevLookup()
        for name in names:
            full = f"{get_config().lib_name}.{module}.{name}"
            place = (lookup.doc(full) or f"#{name.lower()}").partition("#")[2]
            if not shown or name[0] == "_" or "." in name:
                lines.append(f'<span id="{place}"></span>')
                continue
            unique = name if lookup[name] == lookup[full] else full  # nbdev knows the line of a bare name only
            links = {"source": lookup.code(unique), "reference": f"reference.html#{name}"}
            links = [f'<a href="{to}" aria-label="{word} of {name}">{word}</a>' for word, to in links.items() if to]
            lines.append(f'<p><code id="{place}">{name}</code> {" ".join(links)}</p>')
        # As HTML, since smalldocs reads no dot in Markdown's `{#place}`. No headings: a chapter has more names than
        # headings, and its list of contents is for the lesson; the reference and the search list the names.
        return mk_cell(_raw(f'<div class="{"names" if shown else "places"}">\n{"".join(lines)}\n</div>'), "markdown")


# ---------------------------------------------------------------- text

# Code comes first, so that a dollar inside code is never taken for maths. Inline maths as in Pandoc: no space
# just inside the dollars, no digit after the closing one.
MATHS = re.compile(
    r"(?P<code>^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[ \t]*$|(?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`)|\\\$)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|\$(?P<inline>(?=\S)(?:[^$`\\\n]|\\.|\n(?!\n))+?(?<=\S))\$(?!\d)",
    re.MULTILINE | re.DOTALL,
)
NOTEBOOK_LINK = re.compile(r"""(?<=[("'])(?:\./)?([\w-]+\.ipynb)(?=[#)"' ])""")
FENCE_DIV = re.compile(r"^:{3,}\s*(\S.*)?$")
LEARN = re.compile(r"^\*\*What you will learn\*\*.*?^\*\*Time.*?$", re.MULTILINE | re.DOTALL)


def _entities(text: str) -> str:
    "Write everything but letters and digits as numeric entities, so that Markdown sees no `*`, `_` or `|`."
    return "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in text)


def tex_to_mathml(
    text: str,  # Markdown
) -> str:  # the same with every formula as MathML, its TeX beside it in `alttext`
    "Replace `$…$` and `$$…$$` by MathML, which browsers draw by themselves; code is left as it is."

    def replace(m: re.Match) -> str:
        if m["code"]:
            return m[0]
        tex = " ".join((m["display"] or m["inline"]).split())
        # The converter knows only align*, and leaves gaps in |x|.
        markup = convert(tex.replace("{aligned}", "{align*}"), display="block" if m["display"] else "inline")
        markup = re.sub(r"<mo([^>]*)>(?=&#x0007C;)", r'<mo\1 lspace="0" rspace="0">', markup)
        markup = re.sub(r">([^<]+)<", lambda m: f">{_entities(html.unescape(m[1]))}<", markup)
        return markup.replace("<math", f'<math alttext="{_entities(tex)}"', 1)

    return MATHS.sub(replace, text) if "$" in text else text


def relink(
    text: str,  # Markdown
) -> str:  # the same with links that work inside the site
    "Point links at pages instead of notebooks, and make nbdev's links to the published site relative."
    cfg = get_config()
    text = NOTEBOOK_LINK.sub(lambda m: nbpath2html(Path(m[1])).name, text)
    return text.replace(f"{cfg.doc_host}{cfg.doc_baseurl}".rstrip("/") + "/", "")


def fold_callouts(cells: list) -> None:
    "Turn collapsed callouts, which may run over several cells, into `<details>`, which need no script."
    closers: list[str] = []  # for each open `:::` block, the line that closes it
    for cell in cells:
        lines, in_code = [], False
        for line in cell.source.split("\n") if cell.cell_type == "markdown" else ():
            in_code ^= line.startswith("```")
            fence = None if in_code else FENCE_DIV.match(line)
            if fence and not fence[1]:
                line = closers.pop() if closers else line
            elif fence and "callout-" in fence[1] and re.search(r"""collapse=["']?true""", fence[1]):
                closers.append("\n</details>\n")
                title = re.search(r"""title=(["'])(.*?)\1""", fence[1])
                name = title[2] if title else re.search(r"callout-(\w+)", fence[1])[1].capitalize()
                line = f'\n<details class="fold">\n<summary>{html.escape(name)}</summary>\n'
            elif fence:
                closers.append(":::")
            lines.append(line)
        cell.source = "\n".join(lines) if lines else cell.source


class show_text(Processor):
    "Make the text fit for both renderers: links, maths, collapsed callouts; set apart what a chapter teaches."

    def begin(self):
        fold_callouts(self.nb.cells)

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = LEARN.sub(r"::: {.learn}\n\g<0>\n:::", tex_to_mathml(relink(cell.source)))


# ---------------------------------------------------------------- outputs


def tidy_html(
    markup: str,  # the HTML of an output
) -> str:  # the same, fit for the site
    "Leave the look of tables to the stylesheet, keep a Styler's colours, and drop stray styles and scripts."
    soup = BeautifulSoup(markup.replace("#f1f1f1", "#ffffff"), "html.parser")  # the Styler's white is dim
    for tag in soup(["script", "progress", *([] if soup.find("table", id=re.compile("^T_")) else ["style"])]):
        tag.decompose()
    for tag in [part for table in soup("table") for part in (table, *table(True))]:
        for name in ("border", "style", "align", "valign"):
            tag.attrs.pop(name, None)
    for table in soup("table"):
        columns = max((len(row(["td", "th"])) for row in table("tr")), default=0)
        table["class"] = ["data", *(["wide"] if columns >= WIDE_TABLE else [])]
        table["data-quarto-disable-processing"] = "true"  # Quarto would turn it into a Pandoc table
    return str(soup).strip()


class show_outputs(Processor):
    "Give each output one form that both renderers show alike: pictures as files, plain tables, no script."

    def begin(self):
        self.pictures, self.name = 0, _page_name(self.nb)

    def cell(self, cell):
        if cell.cell_type != "code":
            return
        cell.metadata.pop("execution", None)  # a runner's clock; with it Quarto boxes a cell that says `output: asis`
        alt = str(yaml.safe_load(cell.directives_.get("fig-alt", "")) or "")
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/markdown" in data:
                text = tex_to_mathml(relink(data["text/markdown"]))
                if self.name == "reference":  # a place for each name, so that a chapter can link to it
                    text = re.sub(r"^\| (\[`(\w+)`\])", r'| <span id="\2"></span>\1', text, flags=re.MULTILINE)
                if re.search("^#", text, re.MULTILINE):  # so that its headings are in the list of contents
                    cell.source = "#| output: asis\n" + cell.source
                output["data"] = {"text/markdown": text}
            elif INTERACTIVE in data:
                shown = output.get("metadata", {}).get("image/png")
                if "image/png" in data:
                    still = self.figure(base64.b64decode(data["image/png"]), shown, alt)
                else:  # questions are text, and have no picture to be numbered by
                    still, self.pictures = tidy_html(data["text/html"]), self.pictures + 1
                output["data"] = {"text/markdown": _raw(self.interactive(data[INTERACTIVE], still))}
            elif "text/html" in data:
                output["data"] = {"text/markdown": _raw(tidy_html(data["text/html"]))}
            elif "image/png" in data:
                shown = output.get("metadata", {}).get("image/png")
                output["data"] = {"text/markdown": _raw(self.figure(base64.b64decode(data["image/png"]), shown, alt))}

    def interactive(self, made, still):
        "Keep as files what an interactive figure needs; until page.js starts it, its still form is shown."
        data = f"interactive/data/{self.name}-{self.pictures}.json"
        _staged(data).write_text(json.dumps(made["data"]), encoding="utf-8")
        asked = {"module": made["module"], "data": data}
        several = made["weights"] if isinstance(made["weights"], dict) else {"weights": made["weights"]}
        for key, network in several.items():
            if network:  # their sum is in their name, so that a file that did not arrive whole is noticed
                content = (Path(mnist_nb.__file__).parent / f"assets/weights/{network}.safetensors").read_bytes()
                asked[key] = f"interactive/data/{network}-{zlib.crc32(content):08x}.safetensors"
                _staged(asked[key]).write_bytes(content)
        told = " ".join(f'data-{key}="{value}"' for key, value in asked.items())
        return f'<figure class="interactive" {told}>\n<div class="still">{still}</div>\n</figure>'

    def figure(self, content, shown, alt):
        "Keep a picture as a file and show it with its alternative text, at the size that its author saw."
        self.pictures += 1
        path = f"figures/{self.name}-{self.pictures}.png"
        _staged(path).write_bytes(content)
        with Image.open(io.BytesIO(content)) as picture:
            share = DPI / picture.info.get("dpi", (DPI,))[0]  # a figure of 200 dots an inch is for sharp screens
            width, height = (shown["width"], shown["height"]) if shown else (n * share for n in picture.size)
        size = f'width="{round(width)}" height="{round(height)}"'
        return f'<figure class="plot"><img src="{path}" alt="{html.escape(alt)}" {size} loading="lazy"></figure>'
