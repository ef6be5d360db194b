"What README.md says of the library holds."

import re
from pathlib import Path

from mnist_nb.cnn import load_card

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf8")


def test_example_runs_and_gives_what_it_says():
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    *lines, last = example.strip().splitlines()
    names = {}
    exec("\n".join(lines), names)
    said = float(last.split("#")[1])
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert abs(eval(last, names) - said) <= 0.0002
    assert said == load_card()["test"]["accuracy"]
