"The shipped weights and their card."

import json
import subprocess
import sys

import pytest

from mnist_nb.breaking_it import fit_temperature
from mnist_nb.cnn import load_card, load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.results import METHODS

CARD, HELD_OUT = load_card(), holdout_split()[1]


@pytest.mark.parametrize("name, split, part", [("test", "test", slice(None)), ("held_out", "train", HELD_OUT)])
def test_weights_score_what_the_card_says(name, split, part):
    images, labels = (array[part] for array in load_mnist(split))
    probs = predict_probs(load_cnn(), images)
    correct = int((probs.argmax(1) == labels).sum())
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert len(images) == 10_000 and abs(correct - CARD[name]["correct"]) <= 2
    if name == "held_out":  # the temperature that was fitted on them is in the weights, so another fit finds 1
        assert fit_temperature(labels, probs) == pytest.approx(1, abs=0.02)


def test_the_card_describes_the_recipe_as_it_stands():
    assert json.loads(json.dumps(METHODS["cnn_accurate"].recipe)).items() <= CARD["recipe"].items()
    assert tuple(CARD["seeds"]["seeds"]) == METHODS["cnn_accurate"].seeds


def test_a_network_is_loaded_without_what_only_training_needs():
    code = "import sys, mnist_nb.cnn as c; c.load_cnn(); print({'fastai', 'pandas', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
