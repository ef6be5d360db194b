"settings.ini, the library's defaults and what the settings page says of them."

import configparser
from dataclasses import asdict
from pathlib import Path

from mnist_nb.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]


def test_file_holds_the_defaults():
    assert load_settings(ROOT) == Settings()


def test_file_names_every_key():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "settings.ini", encoding="utf8")
    assert parser.sections() == ["course"]
    assert list(parser["course"]) == list(asdict(Settings()))
