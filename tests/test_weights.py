"The shipped weights and their card."

import json
import subprocess
import sys
from functools import partial

import pytest

import measure
from mnist_nb.breaking_it import fit_temperature
from mnist_nb.cnn import load_card, load_cnn, predict_probs
from mnist_nb.data import holdout_split, load_mnist
from mnist_nb.photos import Teaching, exam_sets, teaching_sets
from mnist_nb.results import METHODS, stored_runs

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


def test_teaching_stores_each_seed_and_teaches_none_twice(tmp_path, monkeypatch, capsys):
    card = tmp_path / "handwriting.json"
    few = dict(teaching_sets=partial(teaching_sets, 0, 60, 40, 2), exam_sets=partial(exam_sets, n=10, n_photos=2))
    for name, value in dict(few, HANDWRITING=card, Teaching=partial(Teaching, seen=256)).items():
        monkeypatch.setattr(measure, name, value)
    teach, taught = measure.teach, []

    def once(lessons, seed):
        if seed == 2 and 2 not in taught:
            taught.append(2)
            raise KeyboardInterrupt
        taught.append(seed)
        return teach(lessons, Teaching(seen=256), seed)

    monkeypatch.setattr(measure, "teach", once)
    with pytest.raises(KeyboardInterrupt):
        measure.teach_handwriting([1, 2, 3])
    assert json.loads(card.read_text())["seeds"]["seeds"] == [1]
    first, weights = json.loads(card.read_text()), card.with_suffix(".safetensors").read_bytes()
    measure.teach_handwriting([1, 2, 3])
    done = json.loads(card.read_text())
    assert taught == [1, 2, 2, 3] and done["seeds"]["seeds"] == [1, 2, 3] and len(done["seeds"]["exams"]) == 3
    assert {**done, "seeds": 0} == {**first, "seeds": 0} and card.with_suffix(".safetensors").read_bytes() == weights
    images, labels = load_mnist("test")
    answers = predict_probs(load_cnn(card.with_suffix(".safetensors")), images).argmax(1)
    assert abs(int((answers == labels).sum()) - done["test"]["correct"]) <= 2


def test_the_card_is_that_of_the_network_that_ships(tmp_path, monkeypatch):
    stored = {name: stored_runs(name) for name in (measure.SHIPPED, measure.SHIFTED)}
    monkeypatch.setattr(measure, "ASSETS", tmp_path)
    monkeypatch.setattr(measure, "train_seed", lambda seed: (*(runs[seed] for runs in stored.values()), load_cnn()))
    (tmp_path / "weights").mkdir()
    for seeds in ([42, 1], [1], [1, 42]):
        measure.train_weights(seeds)
        card = json.loads((tmp_path / "weights" / "mnist_cnn.json").read_text())
        assert card["seed"] == seeds[0] and card["seeds"]["seeds"] == seeds
        assert card["test"]["correct"] == stored[measure.SHIPPED][seeds[0]]["correct"]
        assert card["temperature"] == pytest.approx(1, abs=0.02)
