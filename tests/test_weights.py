"The shipped weights and their card."

from mnist_nb.cnn import load_card, load_cnn, predict_probs, recipe, train_cnn
from mnist_nb.data import load_mnist
from mnist_nb.settings import Settings

IMAGES, LABELS = load_mnist("test")


def correct(model):
    "How many test images a model gets right"
    return int((predict_probs(model, IMAGES).argmax(1) == LABELS).sum())


def test_weights_score_what_the_card_says():
    # two images of difference: two processors may round an image on the edge between two digits differently
    assert abs(correct(load_cnn()) - load_card()["test"]["correct"]) <= 2


def test_another_training_lands_within_the_cards_interval():
    card = load_card()
    cfg = Settings(seed=7)
    assert cfg.seed not in card["seeds"]["seeds"] and recipe(cfg) == card["recipe"]
    low, high = card["seeds"]["test"]["prediction_interval"]
    assert low <= correct(train_cnn(cfg).model) / len(LABELS) <= high
