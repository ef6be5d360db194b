"settings.ini, the library's defaults and what the settings page says of them."

import configparser
import re
from dataclasses import asdict

from mnist_nb.settings import Settings, load_settings
from run import NBS, ROOT, in_order, read

FILE = ROOT / "settings.ini"


def test_file_holds_the_defaults():
    assert load_settings(FILE) == Settings()


def test_file_names_every_key():
    parser = configparser.ConfigParser()
    parser.read(FILE, encoding="utf8")
    assert parser.sections() == ["course"]
    assert list(parser["course"]) == list(asdict(Settings()))


def test_page_says_which_notebooks_read_the_file():
    [page] = [cell for cell in read(NBS / "94_settings.ipynb").cells if cell.cell_type == "markdown"][1:2]
    said = set(re.findall(r"\]\((\w+)\.ipynb\)", page.source.split("The other chapters")[0]))
    code = {path.stem: "".join(c.source for c in read(path).cells if c.cell_type == "code") for path in in_order(NBS)}
    reading = {name for name, source in code.items() if "cfg = load_settings('../settings.ini')" in source}
    assert said == reading
