"""What the checks of JupyterLab and of Colab share: which notebooks they run, and what a reader then sees."""

import argparse
import re
import time
from copy import deepcopy

from notebooks import NBS, cell_name, in_order, output_text, tidy_outputs

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def chosen(names, folder=NBS):
    "The notebooks of `folder` called `names`, in order; `ValueError` naming the known ones if there is no such one"
    known = in_order(folder)
    unknown = sorted(set(names) - {path.stem for path in known})
    if unknown:
        raise ValueError(f"no such notebook: {', '.join(unknown)}; there are: {', '.join(path.stem for path in known)}")
    return [path for path in known if path.stem in names]


def seen(outputs):
    "How many pictures and how many tables the `outputs` of one cell show"
    pictures = sum(any(kind in output.get("data", {}) for kind in PICTURES) for output in outputs)
    # Only HTML is shown as a table. fastprogress's tables come as text and as Markdown source as well.
    html = "".join(text for output in outputs for text in output.get("data", {}).get("text/html", ""))
    tables = len(re.findall(r"<table\b", html))
    return {"pictures": pictures, "tables": tables}


def code_cells(nb):
    "Positions of the code cells of `nb` that have code"
    return [i for i, cell in enumerate(nb["cells"]) if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def run_problems(ran, stored):
    "What a reader would miss in `ran`, the notebook `stored` after all of its cells were run somewhere else"
    for i in code_cells(stored):
        name, outputs = cell_name(stored["cells"], i), ran["cells"][i]["outputs"]
        errors = [output for output in outputs if output["output_type"] == "error"]
        if errors:
            yield f"{name}: {errors[0]['ename']}: {errors[0]['evalue']}"
            return  # nor did the cells after it
        if ran["cells"][i]["execution_count"] is None:
            yield f"{name} did not run"
            return
        yield from output_differences(name, outputs, stored["cells"][i]["outputs"])


def output_differences(name, outputs, stored):
    "How the `outputs` of the cell `name` differ from its `stored` ones in what a reader sees"
    now, before = seen(tidied(outputs)), seen(stored)
    yield from (f"{name}: {now[what]} {what}, stored with {before[what]}" for what in now if now[what] != before[what])
    # A bar is redrawn in place; when it is done, its results table stays, and of the bar itself one line at most.
    text = "\n".join(map(output_text, outputs)).replace("\r\n", "\n")
    left = text.count("<progress") + text.count("\r")
    if left > 1:
        yield f"{name}: its progress bars leave {left} lines behind"


def tidied(outputs):
    "A copy of `outputs` as `make execute` would store them"
    whole = deepcopy(outputs)
    for output in whole:
        for texts in (output, output.get("data", {})):  # a file holds a text as a list of lines
            texts.update(
                {key: "".join(text) for key, text in texts.items() if key != "traceback" and type(text) is list}
            )
    return tidy_outputs(whole)


def clocked(check, path):
    "What `check` finds wrong with the notebook at `path`, and in how many seconds"
    start = time.monotonic()
    return list(check(path)), time.monotonic() - start


def command_line(doc, quick, problems_of):
    "Run a check of this kind by hand: returns the exit status"
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help=f"run these (default: {' '.join(quick)})")
    parser.add_argument("--all", action="store_true", help="run every notebook")
    arguments = parser.parse_args()
    try:
        paths = in_order(NBS) if arguments.all else chosen(arguments.names or quick)
    except ValueError as error:
        parser.error(str(error))
    failed = 0
    for path, problems, seconds in problems_of(paths):
        print(f"{'FAIL' if problems else 'ok':4}  {path.stem}  {seconds:.0f} s", flush=True)
        print("".join(f"        {problem}\n" for problem in problems), end="", flush=True)
        failed += bool(problems)
    return int(failed > 0)
