"The shipped weights and their card."

import json

import pytest

from mnist_nb.cnn import load_card, load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.results import METHODS

CARD, HELD_OUT = load_card(), holdout_split()[1]


@pytest.mark.parametrize("name, split, part", [("test", "test", slice(None)), ("held_out", "train", HELD_OUT)])
def test_weights_score_what_the_card_says(name, split, part):
    images, labels = (array[part] for array in load_mnist(split))
    correct = int((predict_probs(load_cnn(), images).argmax(1) == labels).sum())
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert len(images) == 10_000 and abs(correct - CARD[name]["correct"]) <= 2


def test_the_card_describes_the_recipe_as_it_stands():
    assert json.loads(json.dumps(METHODS["cnn_accurate"].recipe)).items() <= CARD["recipe"].items()
    assert tuple(CARD["seeds"]["seeds"]) == METHODS["cnn_accurate"].seeds
