"""Training: the same seed gives the same network, however the work was cut and spread."""

import json
import re
import shutil
import sys
from dataclasses import asdict, replace

import pytest
import torch
from conftest import REPOSITORY, run
from early_alignment.errors import InputError
from early_alignment.networks import checkpoints, networks
from early_alignment.training import evaluation, labelled_images, loop
from early_alignment.training.recipe import Computing
from small_training import RECIPE, assert_same_networks, job, weights

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Sums in one order, here and in the processes that are started."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    loop.train(RECIPE, images, seed=1, last_epoch=3, folder=folder, workers=0)
    return folder


def test_epoch_0_is_torchvisions_seeded_untrained_network(undisturbed):
    import torchvision

    torch.manual_seed(1)
    expected = torchvision.models.resnet18(num_classes=2).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(undisturbed, 0).items())


@pytest.mark.parametrize("workers", [0, 2])
def test_one_epoch_at_a_time_and_other_workers_give_the_same_bytes(images, undisturbed, tmp_path, workers):
    for last_epoch in range(4):
        loop.train(RECIPE, images, seed=1, last_epoch=last_epoch, folder=tmp_path, workers=workers)
    assert_same_networks(tmp_path, undisturbed)


def test_a_training_cut_off_between_checkpoint_and_state_goes_on_to_the_same_bytes(images, undisturbed, tmp_path):
    loop.train(RECIPE, images, seed=1, last_epoch=1, folder=tmp_path, workers=0)
    (tmp_path / "epoch-002.pt").write_bytes(b"half a checkpoint")
    loop.train(RECIPE, images, seed=1, last_epoch=3, folder=tmp_path, workers=0)
    assert_same_networks(tmp_path, undisturbed)


def test_another_seed_gives_another_network(images, undisturbed, tmp_path):
    loop.train(RECIPE, images, seed=2, last_epoch=1, folder=tmp_path, workers=0)
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
        loop.train(other, images, seed=1, last_epoch=3, folder=undisturbed, workers=0)


def reference_rates(recipe, epochs: int) -> list[float]:
    """The rate of each epoch, from torch's schedulers put together as torchvision's reference script does."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1 * recipe.batch_size / 256)
    if recipe.schedule == "step":
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, recipe.decay_every, recipe.decay_factor)
    else:
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=epochs - recipe.warmup_epochs)
    if recipe.warmup_epochs:
        warm_up = torch.optim.lr_scheduler.LinearLR(optimiser, recipe.warmup_factor, total_iters=recipe.warmup_epochs)
        schedule = torch.optim.lr_scheduler.SequentialLR(optimiser, [warm_up, schedule], [recipe.warmup_epochs])
    rates = []
    for _ in range(epochs):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return rates


@pytest.mark.filterwarnings("ignore:The epoch parameter in")  # SequentialLR's own
@pytest.mark.parametrize("warmup_epochs", [0, 1, 5])
@pytest.mark.parametrize(
    "changes",
    [
        {"decay_every": 30},
        {"decay_every": 7, "decay_factor": 0.5, "batch_size": 512},
        {"schedule": "cosine", "cosine_epochs": 90},
        {"schedule": "cosine", "cosine_epochs": 12, "warmup_factor": 0.3},
    ],
)
def test_learning_rate_is_that_of_torchs_schedulers(changes, warmup_epochs):
    recipe = replace(RECIPE, warmup_epochs=warmup_epochs, **changes)
    for epoch, rate in enumerate(reference_rates(recipe, recipe.cosine_epochs or 90)):
        assert recipe.rate(epoch) == pytest.approx(rate, abs=1e-12)
        if epoch >= warmup_epochs:
            assert recipe.rate(epoch + 0.99) == recipe.rate(epoch)


def test_warm_up_is_linear_within_epochs_too():
    assert RECIPE.rate(0) == pytest.approx(0.01 * 0.1 * 8 / 256)
    assert RECIPE.rate(0.5) == pytest.approx(0.505 * 0.1 * 8 / 256)
    assert RECIPE.rate(1) == pytest.approx(0.1 * 8 / 256)


def test_tf32_is_for_convolutions_alone():
    """As in a process in which nobody asked for anything, which is what the reference recipe computes in."""
    asked = "import torch; print(torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)"
    untouched = run(sys.executable, "-c", asked, cwd=REPOSITORY).stdout.strip()
    found = {}
    for precision in networks.PRECISIONS:
        with networks.computing_in(precision, torch.device("cpu")):
            found[precision] = f"{torch.backends.cudnn.allow_tf32} {torch.backends.cuda.matmul.allow_tf32}"
    assert found["tf32"] == untouched == "True False"
    assert found["float32"] == "False False"


def test_one_epoch_is_a_plain_loop_of_torch(images, tmp_path):
    """The same batches through torch's own loss and optimiser, with label smoothing; its network after every step."""
    recipe = replace(RECIPE, label_smoothing=0.1)
    loop.train(recipe, images, seed=1, last_epoch=1, folder=tmp_path, workers=0, early_steps=(2, 1))
    losses, n_images = 0.0, 0
    network = networks.untrained("resnet18", 2, seed=1).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for step, (x, labels) in enumerate(batches := first_epoch(images, recipe)):
        optimiser.param_groups[0]["lr"] = recipe.rate(step / len(batches))
        optimiser.zero_grad()
        loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(network(x), labels)
        loss.backward()
        optimiser.step()
        losses, n_images = losses + loss.item() * len(x), n_images + len(x)
        epoch, label, steps = (0, f"000+{step + 1:05d}", step + 1) if step + 1 < len(batches) else (1, "001", 0)
        for name, tensor in weights(tmp_path, label).items():
            torch.testing.assert_close(tensor, network.state_dict()[name], atol=1e-6, rtol=1e-5)
        row = json.loads((tmp_path / f"epoch-{label}.json").read_text())
        assert (row["seed"], row["epoch"], row["step"], row["steps_per_epoch"]) == (1, epoch, steps, len(batches))
        assert row["training_loss"] == pytest.approx(losses / n_images, rel=1e-5)
        assert row["learning_rate"] == recipe.rate(step / len(batches))
        assert row["seconds"] > 0
        measured = evaluation.of_checkpoint(
            tmp_path / f"epoch-{label}.pt", images, "resnet18", 32, 36, {"cpu": asdict(Computing())}, workers=0,
            expected=checkpoints.expected(1, label, asdict(recipe)),
        )  # fmt: skip
        assert measured == {key: pytest.approx(row[key], rel=1e-5) for key in measured}


def test_early_steps_are_no_part_of_a_training(images, undisturbed, tmp_path):
    """With them and without them it is the same one: what it knows of itself, and its networks."""
    loop.train(RECIPE, images, seed=1, last_epoch=2, folder=tmp_path, workers=0, early_steps=(1,))
    loop.train(RECIPE, images, seed=1, last_epoch=3, folder=tmp_path, workers=0)
    assert_same_networks(tmp_path, undisturbed)
    assert checkpoints.about(tmp_path / "epoch-003.pt") == checkpoints.about(undisturbed / "epoch-003.pt")
    early, untrained = (checkpoints.about(tmp_path / f"epoch-{label}.pt") for label in ("000+00001", "000"))
    assert early == untrained | {"step": 1}


def test_early_steps_that_the_first_epoch_does_not_come_past_are_refused(images, tmp_path):
    """Of three steps, the third ends it."""
    with pytest.raises(
        InputError, match=r"training\.early_steps[\s\S]*found: +0, 3, 100\n.*below 3; an epoch has 3 steps"
    ):
        loop.train(RECIPE, images, seed=1, last_epoch=0, folder=tmp_path / "out", workers=0, early_steps=(100, 2, 3, 0))
    assert not (tmp_path / "out").exists()


def test_early_steps_of_a_training_that_is_past_them_are_refused_unless_they_are_there(images, tmp_path):
    loop.train(RECIPE, images, seed=1, last_epoch=0, folder=tmp_path, workers=0, early_steps=(1,))
    loop.train(RECIPE, images, seed=1, last_epoch=1, folder=tmp_path, workers=0, early_steps=(2,))  # in time
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("epoch-*")}
    for last_epoch in (1, 2):
        with pytest.raises(InputError, match=r"without a checkpoint after step 1\n[\s\S]*: 1, 2\n[\s\S]*leave it out"):
            loop.train(RECIPE, images, seed=1, last_epoch=last_epoch, folder=tmp_path, workers=0, early_steps=(1, 2))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("epoch-*")} == before
    loop.train(RECIPE, images, seed=1, last_epoch=2, folder=tmp_path, workers=0, early_steps=(2,))
    (tmp_path / "epoch-000+00002.json").unlink()
    with pytest.raises(InputError, match=r"after step 1, 2\n[\s\S]*leave these out"):
        loop.train(RECIPE, images, seed=1, last_epoch=3, folder=tmp_path, workers=0, early_steps=(1, 2))
    loop.train(RECIPE, images, seed=1, last_epoch=3, folder=tmp_path, workers=0)
    assert (tmp_path / "epoch-003.pt").exists()


def first_epoch(images, recipe) -> list:
    """The batches of epoch 1 of seed 1."""
    folder = labelled_images.image_folder(images, "train")
    loader = torch.utils.data.DataLoader(
        labelled_images.SeededImages(folder, 1, labelled_images.training_transform(recipe)),
        batch_sampler=labelled_images.EpochBatches(len(folder), recipe.batch_size, 1, 1),
    )
    return [(x.to(memory_format=torch.channels_last), labels) for x, labels in loader]


TOLERANCE = 1e-5
"""Of weights and running statistics after an epoch in two processes: float32 sums in another order."""


def largest_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a.double() - b.double()).abs().max().item()


def train_in_two_processes(folder, arguments: dict) -> None:
    folder.mkdir(exist_ok=True)
    start_two = (
        "import json, sys; from pathlib import Path; from early_alignment.training import processes; "
        "processes.start_in_place('training.process', 2, json.loads(sys.argv[1]), Path(sys.argv[2]))"
    )
    run(
        sys.executable, "-c", start_two, json.dumps(arguments), folder / "arguments.json",
        cwd=folder, PYTHONPATH=str(REPOSITORY / "workflow_scripts"), OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert json.loads((folder / "segment-001.json").read_text())["last_epoch"] == 1


@pytest.mark.jobs
def test_two_processes_train_like_one_that_accumulates_their_shares(images, tmp_path):
    """Shares of 7 and 7, then of 4 and 3; batch norm is each share's own, and the first's is saved."""
    # With less for batch norm to average over, training is chaotic: a difference of 1e-7 grows to one of 1e-2.
    recipe = replace(RECIPE, image_size=96, validation_resize=100, batch_size=14)
    train_in_two_processes(tmp_path, job(tmp_path, images, recipe, last_epoch=1, early_steps=(1,)))

    network = networks.untrained("resnet18", 2, seed=1).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    total, after_steps = 0.0, []
    for step, (x, labels) in enumerate(batches := first_epoch(images, recipe)):
        optimiser.param_groups[0]["lr"] = recipe.rate(step / len(batches))
        optimiser.zero_grad()
        half = (len(x) + 1) // 2
        for i, share in enumerate((slice(None, half), slice(half, None))):
            statistics = {name: buffer.clone() for name, buffer in network.named_buffers()}
            loss = torch.nn.functional.cross_entropy(network(x[share]), labels[share], reduction="sum")
            (loss / len(x)).backward()
            total += loss.item()
            if i == 1:  # only the first process's running statistics are kept
                for name, buffer in network.named_buffers():
                    buffer.copy_(statistics[name])
        optimiser.step()
        after_steps.append(({name: tensor.clone() for name, tensor in network.state_dict().items()}, total))
    trained = weights(tmp_path, 1)
    loop.train(recipe, images, seed=1, last_epoch=1, folder=tmp_path / "whole", workers=0)
    expected, whole = network.state_dict(), weights(tmp_path / "whole", 1)
    differences = {name: largest_difference(trained[name], expected[name]) for name in expected}
    print(f"largest difference {max(differences.values()):.1e}")
    assert max(differences.values()) <= TOLERANCE
    # With batch norm over whole batches it is another network, so this can tell them apart.
    assert largest_difference(whole["fc.weight"], expected["fc.weight"]) > 10 * TOLERANCE
    assert largest_difference(whole["bn1.running_mean"], expected["bn1.running_mean"]) > 10 * TOLERANCE
    row = json.loads((tmp_path / "epoch-001.json").read_text())
    assert row["training_loss"] == pytest.approx(total / 21, rel=1e-5)
    expected, total = after_steps[0]
    early = weights(tmp_path, "000+00001")
    assert max(largest_difference(early[name], expected[name]) for name in expected) <= TOLERANCE
    early_row = json.loads((tmp_path / "epoch-000+00001.json").read_text())
    assert early_row["training_loss"] == pytest.approx(total / 14, rel=1e-5)
    without = tmp_path / "without"
    train_in_two_processes(without, job(without, images, recipe, last_epoch=1))
    assert_same_networks(tmp_path, without, range(2))
    assert json.loads((without / "epoch-001.json").read_text()) | {"seconds": None} == row | {"seconds": None}

    measured = evaluation.of_checkpoint(
        tmp_path / "epoch-001.pt", images, "resnet18", 96, 100, {"cpu": asdict(Computing())}, workers=0
    )
    assert measured == {key: pytest.approx(row[key], rel=1e-5) for key in measured}
    assert checkpoints.about(tmp_path / "epoch-001.pt")["processes"] == 2
    with pytest.raises(InputError, match=r"processes = 2\n.*processes = 1"):
        loop.train(recipe, images, seed=1, last_epoch=2, folder=tmp_path, workers=0)


def test_evaluation_is_a_plain_count(images, undisturbed):
    network = networks.from_checkpoint("resnet18", undisturbed / "epoch-003.pt")
    right = losses = 0
    folder = labelled_images.image_folder(images, "val", labelled_images.validation_transform(32, 36))
    for x, label in folder:
        with torch.no_grad():
            scores = network(x[None])[0]
        right += int(scores.argmax()) == label
        losses -= scores.log_softmax(0)[label].item()
    row = json.loads((undisturbed / "epoch-003.json").read_text())
    assert row["top1"] == right / len(folder)
    assert row["validation_loss"] == pytest.approx(losses / len(folder), rel=1e-4)


@pytest.mark.parametrize(
    "computing",
    [
        Computing(precision="bfloat16"),
        Computing(channels_last=False),
        pytest.param(
            Computing(compile=True),
            marks=[pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")],
        ),
    ],
)
def test_faster_computing_is_named_in_the_checkpoint_and_changes_little(images, undisturbed, tmp_path, computing):
    loop.train(RECIPE, images, seed=1, last_epoch=1, folder=tmp_path, workers=0, computing=computing)
    about = checkpoints.about(tmp_path / "epoch-001.pt")
    assert about.items() >= (asdict(computing) | {"processes": 1, "seed": 1, "epoch": 1}).items()
    assert about["device"]
    fast, plain = weights(tmp_path, 1), weights(undisturbed, 1)
    assert fast.keys() == plain.keys()
    assert {tensor.dtype for tensor in fast.values()} <= {torch.float32, torch.int64}
    assert 0 < (fast["fc.weight"] - plain["fc.weight"]).norm() < 0.05 * plain["fc.weight"].norm()
    (differing,) = (key for key in asdict(computing) if asdict(computing)[key] != asdict(Computing())[key])
    with pytest.raises(InputError, match=f"a training with {differing} = "):
        loop.train(RECIPE, images, seed=1, last_epoch=2, folder=tmp_path, workers=0)


@pytest.mark.parametrize("architecture", ["alexnet", "googlenet", "vit_b_32"])
def test_networks_with_other_outputs_and_inputs_train_too(architecture):
    """No batch norm; auxiliary classifiers, which add three tenths of their losses; attention."""
    size = 224 if architecture == "vit_b_32" else 64
    network = networks.untrained(architecture, 3, seed=0).train()
    torch.manual_seed(1)  # also for dropout
    x, labels = torch.randn(2, 3, size, size), torch.tensor([0, 2])
    outputs = network(x)
    loss = evaluation.loss_sum(outputs, labels)
    if architecture == "googlenet":
        one, *others = (torch.nn.functional.cross_entropy(o, labels, reduction="sum") for o in outputs)
        assert len(others) == 2
        torch.testing.assert_close(loss, one + 0.3 * (others[0] + others[1]))
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())


def test_progress_and_tensorboard_tell_what_happens(images, tmp_path, capfd):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for last_epoch in (1, 2):
        loop.train(RECIPE, images, seed=1, last_epoch=last_epoch, folder=tmp_path, workers=0)
    told = capfd.readouterr().err
    assert re.search(r"seed 1, epoch 2 of 2: 100%.*21/21 \[.*<.*images/s, loss \d\.\d+\]", told)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("top1")] == [0, 1, 2]
    row = json.loads((tmp_path / "epoch-002.json").read_text())
    assert events.Scalars("training_loss")[-1].value == pytest.approx(row["training_loss"])


def test_a_diverging_network_stops_with_epoch_step_and_rate(images, tmp_path):
    with pytest.raises(InputError, match=r"epoch 1, step \d+[\s\S]*learning rate"):
        loop.train(replace(RECIPE, learning_rate=1e30), images, seed=1, last_epoch=1, folder=tmp_path, workers=0)
    assert (tmp_path / "epoch-000.pt").exists()
    assert not (tmp_path / "epoch-001.pt").exists()
    # The last good state is kept: it goes on from there, once the cause is gone.
    assert torch.load(tmp_path / "state.pt", weights_only=True)["epoch"] == 0


@pytest.mark.parametrize(("early_step", "when"), [(1, "after step 1"), (2, "step 2")])
def test_a_network_that_diverges_is_not_kept_within_an_epoch_either(images, tmp_path, early_step, when):
    """The first step's loss is finite and its network is not; the second's loss tells before it is looked at late."""
    recipe = replace(RECIPE, learning_rate=1e30, warmup_epochs=0)
    with pytest.raises(InputError, match=f"epoch 1, {when}\n[\\s\\S]*epoch 0 is kept"):
        loop.train(recipe, images, seed=1, last_epoch=1, folder=tmp_path, workers=0, early_steps=(early_step,))
    assert list(tmp_path.glob("epoch-000+*")) == []


def test_missing_images_are_named(tmp_path):
    with pytest.raises(InputError, match="one folder of images per class"):
        loop.train(RECIPE, tmp_path, seed=1, last_epoch=0, folder=tmp_path / "out", workers=0)


def test_processes_share_every_batch_of_one_process():
    whole = list(labelled_images.EpochBatches(n_images=21, batch_size=8, seed=0, epoch=1))
    shares = [list(labelled_images.EpochBatches(21, 8, 0, 1, rank, processes=2)) for rank in (0, 1)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole
    assert [len(b) for b in shares[1]] == [4, 4, 2]
    # A last batch that leaves a process with a single image is left out.
    assert len(labelled_images.EpochBatches(19, 8, 0, 1, 0, processes=2)) == 2


def test_a_last_batch_of_one_image_is_left_out():
    batches = labelled_images.EpochBatches(n_images=17, batch_size=8, seed=0, epoch=1)
    assert [len(batch) for batch in batches] == [8, 8] == [8] * len(batches)
    assert len({image for batch in batches for image in batch}) == 16
