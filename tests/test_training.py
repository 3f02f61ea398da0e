"""Training: the same seed gives the same network, however the work was cut and spread."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from early_alignment import labelled_images, networks, training
from early_alignment.errors import InputError
from early_alignment.recipe import Recipe
from PIL import Image

RECIPE = Recipe(
    architecture="resnet18",
    image_size=32,
    validation_resize=36,
    resized_short_side=None,
    resized_quality=None,
    batch_size=8,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    label_smoothing=0.0,
    schedule="step",
    decay_every=2,
    decay_factor=0.1,
    cosine_epochs=None,
    warmup_epochs=1,
    warmup_factor=0.01,
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, n in (("train", 10), ("val", 4)):
        for label in ("dark", "light"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 128, (40, 44, 3)) + (127 if label == "light" else 0)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    training.train(RECIPE, images, seed=1, last_epoch=3, folder=folder, workers=0)
    return folder


def weights(folder, epoch):
    return torch.load(folder / f"epoch-{epoch:03d}.pt", weights_only=True)


def assert_same_networks(folder, other):
    for epoch in range(4):
        a, b = weights(folder, epoch), weights(other, epoch)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), (epoch, name)


def test_epoch_0_is_torchvisions_seeded_untrained_network(undisturbed):
    import torchvision

    torch.manual_seed(1)
    expected = torchvision.models.resnet18(num_classes=2).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(undisturbed, 0).items())


@pytest.mark.parametrize("workers", [0, 2])
def test_one_epoch_at_a_time_and_other_workers_give_the_same_bytes(images, undisturbed, tmp_path, workers):
    for last_epoch in range(4):
        training.train(RECIPE, images, seed=1, last_epoch=last_epoch, folder=tmp_path, workers=workers)
    assert_same_networks(tmp_path, undisturbed)


def test_a_training_cut_off_between_checkpoint_and_state_goes_on_to_the_same_bytes(images, undisturbed, tmp_path):
    training.train(RECIPE, images, seed=1, last_epoch=1, folder=tmp_path, workers=0)
    (tmp_path / "epoch-002.pt").write_bytes(b"half a checkpoint")
    training.train(RECIPE, images, seed=1, last_epoch=3, folder=tmp_path, workers=0)
    assert_same_networks(tmp_path, undisturbed)


def test_another_seed_gives_another_network(images, undisturbed, tmp_path):
    training.train(RECIPE, images, seed=2, last_epoch=1, folder=tmp_path, workers=0)
    assert not torch.equal(weights(tmp_path, 1)["fc.weight"], weights(undisturbed, 1)["fc.weight"])


def test_it_learns_and_says_how_well(undisturbed):
    rows = [json.loads((undisturbed / f"epoch-{epoch:03d}.json").read_text()) for epoch in range(4)]
    assert rows[0]["training_loss"] is None
    assert rows[3]["training_loss"] < rows[1]["training_loss"]
    network = networks.from_checkpoint("resnet18", undisturbed / "epoch-003.pt")
    assert not network.training
    assert rows[3]["top5"] == 1.0  # of two classes


def test_another_recipe_is_refused_by_the_names_of_its_keys(images, undisturbed):
    other = replace(RECIPE, learning_rate=0.2, batch_size=4)
    with pytest.raises(
        InputError, match=r"batch_size = 8, learning_rate = 0\.1\n.*batch_size = 4, learning_rate = 0\.2"
    ):
        training.train(other, images, seed=1, last_epoch=3, folder=undisturbed, workers=0)


def test_learning_rate_is_that_of_torchs_schedulers():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1 * 512 / 256)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=30, gamma=0.1)
    recipe = replace(RECIPE, batch_size=512, decay_every=30, warmup_epochs=0)
    for epoch in range(90):
        assert recipe.rate(epoch + 0.5) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


def test_warm_up_is_linear():
    assert RECIPE.rate(0) == pytest.approx(0.01 * 0.1 * 8 / 256)
    assert RECIPE.rate(0.5) == pytest.approx(0.505 * 0.1 * 8 / 256)
    assert RECIPE.rate(1) == pytest.approx(0.1 * 8 / 256)


def test_a_diverging_network_stops_with_epoch_step_and_rate(images, tmp_path):
    with pytest.raises(InputError, match=r"epoch 1, step \d+[\s\S]*learning rate"):
        training.train(replace(RECIPE, learning_rate=1e30), images, seed=1, last_epoch=1, folder=tmp_path, workers=0)
    assert (tmp_path / "epoch-000.pt").exists()
    assert not (tmp_path / "epoch-001.pt").exists()


def test_missing_images_are_named(tmp_path):
    with pytest.raises(InputError, match="one folder of images per class"):
        training.train(RECIPE, tmp_path, seed=1, last_epoch=0, folder=tmp_path / "out", workers=0)


def test_a_last_batch_of_one_image_is_left_out():
    batches = labelled_images.EpochBatches(n_images=17, batch_size=8, seed=0, epoch=1)
    assert [len(batch) for batch in batches] == [8, 8] == [8] * len(batches)
    assert len({image for batch in batches for image in batch}) == 16
