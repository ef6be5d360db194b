"The shipped weights and their card."

from mnist_nb.cnn import load_card, load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.results import METHODS


def correct(images, labels):
    "How many images the shipped weights get right"
    return int((predict_probs(load_cnn(), images).argmax(1) == labels).sum())


def test_weights_score_what_the_card_says():
    images, labels = load_mnist("train")
    held_out = holdout_split(seed=42)[1]
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert abs(correct(*load_mnist("test")) - load_card()["test"]["correct"]) <= 2
    assert abs(correct(images[held_out], labels[held_out]) - load_card()["held_out"]["correct"]) <= 2


def test_the_card_describes_the_recipe_as_it_stands():
    card = load_card()
    recipe = {
        key: list(value) if isinstance(value, tuple) else value for key, value in METHODS["cnn_accurate"].recipe.items()
    }
    assert recipe.items() <= card["recipe"].items()
    assert tuple(card["seeds"]["seeds"]) == METHODS["cnn_accurate"].seeds
