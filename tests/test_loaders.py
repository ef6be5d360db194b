"fastai's own tools work on the in-memory loaders."

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from fastai.vision.all import ClassificationInterpretation, Learner, TensorImage, Transform, accuracy, load_learner

from mnist_nb.cnn import MnistCNN, as_batch, load_cnn, predict_probs, save_weights
from mnist_nb.data import load_mnist
from mnist_nb.feature_maps import record_activations
from mnist_nb.loaders import as_rows, memory_dataloaders
from mnist_nb.settings import Settings

matplotlib.use("Agg")
IMAGES, LABELS = load_mnist("test")
DEVICES = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]


@pytest.fixture(scope="module", params=DEVICES)
def settings(request):
    "The settings for each device that this machine has, for one test after the other"
    return Settings(device=request.param)


def same(tensor, expected, atol=0.0):
    "Whether what a loader served, on whatever device, is what was expected"
    return torch.allclose(tensor.as_subclass(torch.Tensor).cpu(), expected, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def learn(settings):
    "A learner after one epoch on 640 images"
    learner = Learner(memory_dataloaders(settings, n_train=640), MnistCNN(), metrics=accuracy)
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, 1e-3)
    return learner


def test_results_and_interpretation(learn):
    with learn.no_bar():
        learn.show_results(max_n=4)
        interpretation = ClassificationInterpretation.from_learner(learn)
        assert interpretation.confusion_matrix().sum() == 10_000
        interpretation.plot_top_losses(4)


def test_new_images_with_and_without_labels(learn):
    with learn.no_bar():
        probs, none = learn.get_preds(dl=learn.dls.test_dl(IMAGES[:50]))
        _, labels = learn.get_preds(dl=learn.dls.test_dl(as_rows(IMAGES[:50], LABELS[:50]), with_labels=True))
        digit, index, one = learn.predict(IMAGES[0])
    assert probs.shape == (50, 10) and none is None
    assert np.array_equal(labels.numpy(), LABELS[:50])
    assert digit == str(int(index)) and np.allclose(one, probs[0], atol=1e-5)


def test_the_library_takes_a_network_on_any_device(learn, tmp_path):
    again = load_cnn(save_weights(learn.model, tmp_path / "weights.safetensors"))
    assert again.fc2.weight.device.type == "cpu"
    # a GPU may keep ten bits of each factor
    ours, theirs = (predict_probs(model, IMAGES[:50]) for model in (again, learn.model))
    assert np.allclose(ours, theirs, atol=0.01)
    ours, theirs = (record_activations(model, "conv1", IMAGES[:5])["conv1"] for model in (again, learn.model))
    assert same(ours, theirs, atol=0.01)


def test_export_carries_no_images(learn, tmp_path):
    learn.export(tmp_path / "learner.pkl")
    assert (tmp_path / "learner.pkl").stat().st_size < 2_000_000
    again = load_learner(tmp_path / "learner.pkl")
    with again.no_bar():
        assert again.predict(IMAGES[0])[0] in again.dls.vocab


def test_order_starts_from_the_seed(settings):
    first, again = (memory_dataloaders(replace(settings, seed=1), n_train=640).train for _ in range(2))
    orders = [next(iter(dl))[1].tolist() for dl in (first, again, first)]
    assert orders[0] == orders[1] != orders[2]


def test_an_epoch_serves_every_image_once_as_the_network_takes_it(settings):
    valid = memory_dataloaders(settings, n_valid=150).valid
    batches = list(valid)
    assert [len(x) for x, _ in batches] == [64, 64, 22]
    rows = np.array(valid.dataset.items)
    assert {t.device.type for batch in batches for t in batch} == {settings.device}
    assert same(torch.cat([x for x, _ in batches]), as_batch(rows["image"]), atol=1e-6)
    assert same(torch.cat([y for _, y in batches]), torch.from_numpy(rows["label"].astype(np.int64)))


class Mirror(Transform):
    "Swap left and right, after all other transforms"

    order = 50

    def encodes(self, x: TensorImage):
        return x.flip(-1)


def test_the_short_way_serves_what_the_pipeline_of_transforms_serves(settings):
    short, long = (memory_dataloaders(settings, n_train=150).train for _ in range(2))
    long.after_batch.add(Mirror())  # the loader then takes the way of all transforms
    pairs = list(zip(short, long, strict=True))
    assert len(pairs) == 2  # the last 22 are dropped, as in any training loader of fastai
    for (x, y), (mirrored, y_again) in pairs:
        for ours, theirs in [(x, mirrored.flip(-1)), (y, y_again)]:
            assert type(ours) is type(theirs) and ours.dtype == theirs.dtype
            assert torch.equal(ours.as_subclass(torch.Tensor), theirs.as_subclass(torch.Tensor))


def test_decoding_gives_back_the_bytes(settings):
    dl = memory_dataloaders(settings, n_valid=64).valid
    pictures = torch.stack([x for x, _ in dl.decode_batch(dl.one_batch(), max_n=64)])
    assert pictures.dtype == torch.int64 and np.array_equal(pictures[:, 0].cpu(), dl.dataset.items["image"])


def test_one_image_shown_again_and_again():
    dl = memory_dataloaders(Settings(device="cpu"), n_valid=64).valid
    pictures, labels, _ = dl.show_batch(max_n=4, unique=True, show=False)
    assert (pictures[1:] == pictures[:1]).all() and len(set(labels.tolist())) == 1


@pytest.mark.filterwarnings("error")
def test_images_that_are_read_only_or_turned_around(settings):
    loaders = memory_dataloaders(settings, n_train=64)
    kept = IMAGES[:50].copy()
    kept.flags.writeable = False
    for images in (kept, kept[::-1], kept[:, :, ::-1]):
        [(x,)] = loaders.test_dl(images)
        assert same(x, as_batch(images), atol=1e-6)
