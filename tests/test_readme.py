"What README.md says of the library holds."

import re

import pytest

from mnist_nb.cnn import load_card
from mnist_nb.results import load_results
from run import NBS, ROOT, read

README = (ROOT / "README.md").read_text(encoding="utf8")


def test_example_runs_and_gives_what_it_says():
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    *lines, last = example.strip().splitlines()
    names = {}
    exec("\n".join(lines), names)
    said, mean = map(float, re.findall(r"\d\.\d+", last.split("#")[1]))
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert abs(eval(last, names) - said) <= 0.0002
    assert said == load_card()["test"]["accuracy"]
    assert mean == round(load_card()["seeds"]["test"]["mean"], 4)


def test_what_readme_and_front_page_say_of_the_results_holds():
    methods = load_results()["methods"]
    pages = README + " ".join(cell.source for cell in read(NBS / "index.ipynb").cells)
    assert "twenty-three methods" in pages and len(methods) == 23
    assert "99% within seconds" in pages and methods["cnn_fast"]["accuracy"] >= 0.99
    assert methods["cnn_fast"]["train_seconds"] < 60
    assert "99.6% within minutes" in pages and round(methods["cnn_accurate"]["accuracy"], 3) >= 0.996
    assert methods["cnn_accurate"]["train_seconds"] < 15 * 60


def test_the_times_of_the_table_are_the_stored_ones():
    methods, race, said = load_results()["methods"], load_results()["speed"]["median_seconds"], {}
    stored = {
        "FAST": race["ours, 99.0%"],
        **{n: methods[f"cnn_{n.lower()}"]["train_seconds"] for n in ("LONGER", "ACCURATE")},
    }
    for recipe, time, unit, *elsewhere in re.findall(
        r"\| [\d.]+%, `(\w+)`.*? \| ([\d.]+) (s|min) \| (.*?) \| (.*?) \| (.*?) \|", README
    ):
        said[recipe] = float(time) * {"s": 1, "min": 60}[unit], elsewhere
    assert said.keys() == stored.keys()
    for recipe, (seconds, elsewhere) in said.items():
        assert seconds == pytest.approx(stored[recipe], rel=0.05)
        assert elsewhere == ["*not measured*"] * 3
    shares = re.findall(r"\| ([\d.]+)%, `(\w+)`", README)
    assert all(abs(float(share) - 100 * methods[f"cnn_{name.lower()}"]["accuracy"]) <= 0.1 for share, name in shares)
