"""Checkpoints from elsewhere: read without running their code, checked, and named by the architecture's names."""

import argparse

import pytest
import torch
import torchvision
from early_alignment import epochs
from early_alignment.errors import InputError
from early_alignment.networks import checkpoints, networks

N_CLASSES = 7


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(5)
    return torchvision.models.resnet18(num_classes=N_CLASSES).eval()


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def as_torchvisions_reference_script(network):
    """What references/classification/train.py saves as model_<epoch>.pth."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 30)
    return {
        "model": network.state_dict(),
        "optimizer": optimiser.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "epoch": 3,
        "args": argparse.Namespace(model="resnet18", lr=0.1, data_path="/data", weights=None),
    }


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda network: network.state_dict(),
        as_torchvisions_reference_script,
        lambda network: {"state_dict": prefixed(network.state_dict(), "module.")},
        lambda network: prefixed(network.state_dict(), "model."),
        lambda network: prefixed(network.state_dict(), "_orig_mod.module."),
        lambda network: {"state": {"model": prefixed(network.state_dict(), "module."), "timestamp": {"epoch": 3}}},
    ],
    ids=["bare", "torchvision's script", "state_dict and module.", "model.", "compiled", "state and model"],
)
def test_all_wrappings_give_the_same_network(theirs, tmp_path, wrapped):
    torch.save(wrapped(theirs), tmp_path / "ep3.pt")
    network = networks.with_state("resnet18", checkpoints.read_foreign(tmp_path / "ep3.pt"), "ep3.pt")
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x), theirs(x))
    assert network(x).shape == (2, N_CLASSES)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_a_file_holds_is_read_once_whatever_its_format(theirs, tmp_path, legacy):
    torch.save(as_torchvisions_reference_script(theirs), tmp_path / "ep3.pt", _use_new_zipfile_serialization=not legacy)
    found = checkpoints.read(tmp_path / "ep3.pt", checkpoints.FOREIGN)
    (tmp_path / "ep3.pt").unlink()
    state = checkpoints.unwrapped(found, "ep3.pt")
    assert state.keys() == theirs.state_dict().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs.state_dict().items())


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_checkpoint_is_not_run_and_named(theirs, tmp_path, legacy):
    harm = {"model": theirs.state_dict(), "args": Harmful(str(tmp_path / "harm"))}
    torch.save(harm, tmp_path / "ep3.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r"global[\s\S]*runs no code[\s\S]*state_dict\(\) alone"):
        checkpoints.read_foreign(tmp_path / "ep3.pt")
    assert not (tmp_path / "harm").exists()


def test_missing_and_unexpected_keys_are_named(theirs):
    state = theirs.state_dict() | {"head.weight": torch.zeros(1)}
    del state["layer2.0.conv1.weight"]
    with pytest.raises(
        InputError, match=r"1 missing keys \(layer2\.0\.conv1\.weight\); 1 unexpected keys \(head\.weight\)"
    ):
        networks.with_state("resnet18", state, "ep3.pt")
    with pytest.raises(InputError, match=r"missing keys \(layer1\.0\.conv3\.weight, .* and \d+ more\)"):
        networks.with_state("resnet50", theirs.state_dict(), "ep3.pt")
    wide = theirs.state_dict() | {"conv1.weight": torch.zeros(64, 3, 3, 3)}
    with pytest.raises(InputError, match=r"size mismatch for 1 tensors \(conv1\.weight"):
        networks.with_state("resnet18", wide, "ep3.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint", "not readable"),
        ({"epoch": 3, "loss": 0.1}, "a dict with epoch, loss"),
        ([1, 2], "list"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content, message):
    file = tmp_path / "ep3.pt"
    file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
    with pytest.raises(InputError, match=message):
        checkpoints.read_foreign(file)


def test_what_is_said_about_a_checkpoint_is_in_a_file_that_stays_a_bare_state_dict(theirs, tmp_path):
    checkpoints.save(theirs, tmp_path / "a.pt", {"precision": "bfloat16", "momentum": 0.9, "cosine_epochs": None})
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    torchvision.models.resnet18(num_classes=N_CLASSES).load_state_dict(state)
    assert state.keys() == theirs.state_dict().keys()
    assert checkpoints.about(tmp_path / "a.pt") == {"precision": "bfloat16", "momentum": 0.9, "cosine_epochs": None}


@pytest.mark.parametrize(("label", "epoch", "step"), [("003", 3, 0), ("000+00010", 0, 10)])
def test_what_files_are_called_says_epoch_and_step(label, epoch, step):
    said = checkpoints.expected("2", label, {"momentum": 0.9})
    assert said == {"momentum": 0.9, "seed": 2, "epoch": epoch, "step": step}
    assert epochs.label(epoch, step) == label


def test_the_network_of_another_step_is_refused(theirs, tmp_path):
    checkpoints.save(theirs, tmp_path / "a.pt", checkpoints.expected(1, "000+00010", {}))
    networks.from_checkpoint("resnet18", tmp_path / "a.pt", checkpoints.expected(1, "000+00010", {}))
    with pytest.raises(InputError, match=r"a network of step 10\n.*step 0"):
        networks.from_checkpoint("resnet18", tmp_path / "a.pt", checkpoints.expected(1, "000", {}))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "alexnet",
            "densenet121",
            "efficientnet_b0",
            "googlenet",
            "inception_v3",
            "maxvit_t",
            "mnasnet0_5",
            "resnet18",
        ),
        *("mobilenet_v3_small", "regnet_y_400mf", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "vgg11", "vit_b_32"),
    ],
)
def test_the_number_of_classes_is_found_in_a_state_dict(name):
    """Sizes alone, so nothing is computed; RegNets do not go without."""
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        state = torchvision.models.get_model(name, weights=None, num_classes=N_CLASSES, **options).state_dict()
    assert networks.number_of_classes(name, state) == N_CLASSES
