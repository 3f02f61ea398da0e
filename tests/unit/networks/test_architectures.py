"""Networks of torchvision, of timm and of the user's own: built, taken from their blocks, trained and refused."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from conftest import REPOSITORY, run
from early_alignment.datasets.base import DataSet, Stimulus
from early_alignment.errors import InputError
from early_alignment.experiment import costs
from early_alignment.experiment.grid import Network
from early_alignment.networks import architectures, checkpoints, features, networks
from early_alignment.networks.feature_files import FeatureFile
from early_alignment.training import evaluation, loop
from early_alignment.training.recipe import Computing
from PIL import Image
from small_training import RECIPE

pytestmark = pytest.mark.long

OWN = '''
"""Networks of the user's own."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Widths:
    first: int = 4


class Tokens(nn.Module):
    """Patches of 8 × 8 pixels, behind a class token; the head comes first in the state dict and has no bias."""

    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(6, num_classes, bias=False)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 6))
        self.embedding = nn.Conv2d(3, 6, 8, 8)
        self.pair = Pair()

    def forward(self, x):
        tokens = self.embedding(x).flatten(2).mT
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        return self.head(self.pair(tokens)[0][:, 0])


class Pair(nn.Module):
    def forward(self, x):
        return x.relu(), None


class Normed(nn.Module):
    def __init__(self, num_classes, tracked=True, trains=False):
        super().__init__()
        self.conv = nn.Conv2d(3, Widths().first, 3)
        self.bn = nn.BatchNorm2d(4, track_running_stats=tracked)
        self.head = nn.Linear(4, num_classes)
        self.trains = trains

    def forward(self, x):
        if self.trains:
            self.bn.train()
        return self.head(self.bn(self.conv(x)).relu().mean((2, 3)))


def tokens(num_classes):
    return Tokens(num_classes)


def normed(*, num_classes=10, **others):
    return Normed(num_classes, **others).train()


def untracked(num_classes):
    return Normed(num_classes, tracked=False)


def restless(num_classes):
    return Normed(num_classes, trains=True)


def wide(width):
    return Normed(width)


def nothing(num_classes):
    return None


def lazy(num_classes):
    return nn.LazyLinear(num_classes)


def by_chance(num_classes):
    torch.seed()
    return Normed(num_classes)


def heedless(num_classes):
    return Normed(10)


class Named(Normed):
    def forward(self, x):
        return {"scores": super().forward(x)}


def failing(num_classes):
    if num_classes > 1:
        raise RuntimeError("no weights\\nat all")
'''
LINE_OF_FAILURE = OWN.splitlines().index('        raise RuntimeError("no weights\\nat all")') + 1
MIXED_LAYER = "encoder.layers.encoder_layer_3"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The file of the user's networks, `own.py:`."""
    file = tmp_path_factory.mktemp("networks") / "own.py"
    file.write_text(OWN)
    return f"{file}:"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(3)
    for i in range(2):
        Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(root / f"{i}.png")
    return DataSet("plain", {"root": root, "subjects": [1], "targets": ["V1"]})


STIMULI = [Stimulus("a", "0.png"), Stimulus("b", "1.png")]


def extracted(network, blocks, dataset, size, folder):
    """Features by the workflow, block → (2, features)."""
    files = {block: folder / f"{block}.zarr.zip" for block in blocks}
    features.extract(network, files, dataset, STIMULI, size, dtype="float32")
    found = {}
    for block, path in files.items():
        with FeatureFile(path) as file:
            found[block] = np.concatenate(list(file), axis=1)
    return found


def by_hand(network, module, dataset, size):
    """What a module puts out for the two images."""
    kept = []
    network.eval()
    handle = network.get_submodule(module).register_forward_hook(lambda _, inputs, output: kept.append(output))
    with torch.no_grad():
        network(torch.cat(list(features.image_batches(dataset, STIMULI, size))))
    handle.remove()
    output = kept[-1][0] if isinstance(kept[-1], tuple) else kept[-1]
    return output.numpy()


@pytest.mark.parametrize(
    ("architecture", "size", "module", "shape"),
    [
        ("resnet18", 64, "layer2", (128, 8, 8)),
        ("resnet50", 64, "layer3", (1024, 4, 4)),
        ("convnext_tiny", 64, "features.3", (192, 8, 8)),
        ("vit_b_16", 224, MIXED_LAYER, (197, 768)),
        ("alexnet", 64, "features.5", (192, 3, 3)),
        ("inception_v3", 96, "Mixed_5d", (288, 9, 9)),
        ("timm:resnet10t", 64, "layer2", (128, 8, 8)),
        ("timm:deit_tiny_distilled_patch16_224", 224, "blocks.1", (198, 192)),
        ("own:tokens", 64, "pair", (65, 6)),
    ],
)
def test_features_are_what_a_hook_finds_and_the_check_knows_their_number(
    own, dataset, tmp_path, architecture, size, module, shape
):
    architecture = architecture.replace("own:", own)
    network = networks.untrained(architecture, n_classes=5, seed=1)
    expected = by_hand(network, module, dataset, size)
    assert expected.shape[1:] == shape
    whole = {module: expected}
    if len(shape) == 2:
        leading = {198: 2}.get(shape[0], 1)
        whole |= {f"{module}[cls]": expected[:, 0], f"{module}[patches]": expected[:, leading:]}
    found = extracted(network, list(whole), dataset, size, tmp_path)
    for block, values in whole.items():
        np.testing.assert_allclose(found[block], values.reshape(2, -1), rtol=1e-3, atol=1e-4, err_msg=block)
    activities = networks.surveyed(networks.without_weights(architecture), architecture, size, "anywhere")
    sizes = {block: values[0].size for block, values in whole.items()}
    assert networks.numbers_of_features(list(whole), activities) == sizes
    assert networks.blocks_without_features(list(whole), activities, networks.SURVEYED) == []


def test_parts_of_tokens_and_of_tuples_are_told_in_the_log(own, dataset, tmp_path, capsys):
    extracted(networks.untrained(f"{own}tokens", 5, seed=1), ["pair[cls]", "pair[patches]"], dataset, 64, tmp_path)
    printed = capsys.readouterr().out
    both = "puts out a tuple, of which the first tensor is taken"
    assert f"block pair[cls] {both}; is of tokens 0 to 0 of 0 to 64\n" in printed
    assert f"block pair[patches] {both}; is of tokens 1 to 64 of 0 to 64\n" in printed


def test_registers_are_no_patches():
    name = "timm:vit_small_patch14_reg4_dinov2"
    found = networks.surveyed(networks.without_weights(name), name, 518, "anywhere")
    blocks = ["blocks.3", "blocks.3[cls]", "blocks.3[patches]"]
    assert networks.numbers_of_features(blocks, found) == dict(
        zip(blocks, [(1 + 4 + 37**2) * 384, 384, 37**2 * 384], strict=True)
    )


@pytest.mark.parametrize(
    ("architecture", "block", "fault", "remedy"),
    [
        ("swin_t", "features.1[cls]", "shape (5, 56, 56, 96), which is no sequence of tokens", "leave out [cls]"),
        ("resnet18", "layer1[patches]", "shape (5, 64, 56, 56), which is no sequence of", "leave out [patches]"),
        ("convnext_tiny", "features.1[cls]", "which is no sequence of tokens", "leave out [cls]"),
        (
            "vit_b_32",
            "heads[cls]",
            "shape (5, 1000), which is no sequence",
            "nearest are encoder[cls], encoder.ln[cls], ",
        ),
        ("vit_b_32", "encodes[cls]", "no module 'encodes'", "nearest are encoder[cls], "),
        ("vit_b_32", "encoder[all]", "no part 'all' of tokens, of which there are cls and patches", "leave out [all]"),
        ("timm:cait_xxs24_224", "blocks.3[cls]", "196 tokens, which are not 1 and a square of", "blocks_token_only"),
        ("timm:vit_base_patch16_rpn_224", "blocks.3[cls]", "no class token", "leave out [cls]"),
    ],
)
def test_parts_of_what_has_no_such_tokens_are_refused(architecture, block, fault, remedy):
    found = networks.surveyed(networks.without_weights(architecture), architecture, 224, "anywhere")
    (error,) = networks.blocks_without_features([block], found, networks.SURVEYED)
    assert error.where == f"config key networks.*.blocks, module {block}"
    assert (fault in error.found, remedy in error.remedy) == (True, True), error
    if architecture == "vit_b_32":  # a job says the same
        with pytest.raises(InputError) as caught:
            network = networks.untrained(architecture, 1000, seed=0).eval()
            networks.block_outputs(network, [block], torch.zeros(networks.SURVEYED, 3, 224, 224))
        assert str(caught.value) == str(error)


# Weights


@pytest.mark.parametrize("name", ["timm:resnet10t", "own:normed"])
def test_the_seed_decides_initial_weights_and_nothing_else_is_drawn(own, name):
    name = name.replace("own:", own)
    state = torch.get_rng_state()
    first, again, other = (networks.untrained(name, 3, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    "name", ["timm:resnet10t", "timm:deit_tiny_distilled_patch16_224", "own:tokens", "own:heedless"]
)
def test_a_checkpoint_gives_the_same_network(own, tmp_path, name):
    """The user's has a head without bias, which is the first tensor, or one that is always for 10 classes."""
    name = name.replace("own:", own)
    network = networks.untrained(name, 7, seed=3).eval()
    checkpoints.save(network, tmp_path / "a.pt", {})
    same = networks.from_checkpoint(name, tmp_path / "a.pt")
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network(x), same(x))


def test_a_state_of_other_shapes_is_refused(own):
    state = networks.untrained(f"{own}tokens", 7, seed=3).state_dict()
    with pytest.raises(InputError, match=r"size mismatch for 1 tensors \(embedding\.weight"):
        networks.with_state(f"{own}tokens", state | {"embedding.weight": torch.zeros(6, 3, 4, 4)}, "ep3.pt")
    with pytest.raises(InputError, match=r"size mismatch for 1 tensors \(head\.weight"):
        networks.with_state(f"{own}tokens", state | {"head.weight": torch.zeros(7)}, "ep3.pt")


# Training


def test_inception_trains_with_its_auxiliary_head_and_is_checked_with_it():
    network = networks.untrained("inception_v3", 3, seed=0).train()
    torch.manual_seed(1)
    outputs = network(torch.randn(2, 3, 299, 299))
    labels = torch.tensor([0, 2])
    loss = evaluation.loss_sum(outputs, labels)
    logits, auxiliary = (torch.nn.functional.cross_entropy(o, labels, reduction="sum") for o in outputs)
    torch.testing.assert_close(loss, logits + 0.3 * auxiliary)
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())
    networks.check_scores(networks.without_weights("inception_v3").train(), "inception_v3", 299)


def test_a_network_of_ones_own_trains_and_goes_on_with_the_same_code_alone(images, tmp_path, dataset):
    file, folder = tmp_path / "mine.py", tmp_path / "training"
    file.write_text(OWN)
    small = replace(RECIPE, architecture=f"{file}:normed")

    def train(last_epoch):
        loop.train(small, images, seed=1, last_epoch=last_epoch, folder=folder, workers=0)

    train(1)
    untrained, trained = (torch.load(folder / f"epoch-00{epoch}.pt", weights_only=True) for epoch in (0, 1))
    expected = networks.untrained(small.architecture, 2, seed=1).state_dict()
    assert all(torch.equal(untrained[key], expected[key]) for key in expected)
    assert not torch.equal(trained["conv.weight"], untrained["conv.weight"])
    code = architectures.digest(small.architecture)
    about = checkpoints.about(folder / "epoch-001.pt")
    assert (about["network_code"], len(code)) == (code, 12)
    network = networks.from_checkpoint(small.architecture, folder / "epoch-001.pt", {"network_code": code})
    assert torch.equal(network.conv.weight, trained["conv.weight"])
    row = json.loads((folder / "epoch-001.json").read_text())
    computing = {"cpu": vars(Computing()), "cuda": vars(Computing())}
    measured = evaluation.of_checkpoint(folder / "epoch-001.pt", images, small.architecture, 32, 36, computing, 0)
    assert measured == {key: pytest.approx(row[key], rel=1e-5) for key in measured}

    file.write_text("# mine\n" + OWN.replace("first: int = 4", "first:  int = 4  # channels"))
    train(2)
    file.write_text(OWN.replace(".relu().mean", ".mean"))  # of as many bytes or not, in the same second or not
    assert architectures.digest(small.architecture) != code
    with pytest.raises(InputError, match=f"a training with network_code = {code}\n"):
        train(3)
    edited = {"network_code": architectures.digest(small.architecture)}
    with pytest.raises(InputError, match=f"a network of network_code {code}\n"):
        networks.from_checkpoint(small.architecture, folder / "epoch-001.pt", edited)


def test_the_code_of_ones_own_network_is_of_its_recipe(own):
    training = {"images": None, "resized_short_side": None, "resized_quality": 95, "schedule": "step"}
    for architecture in ("resnet18", "timm:resnet10t", f"{own}normed"):
        network = Network("net", {"architecture": architecture, "training": training}, {})
        assert network.recipe["network_code"] == architectures.digest(architecture)
        assert (network.recipe["network_code"] is None) == (network.own_code == []) == ("normed" not in architecture)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("heedless", "an output of shape (5, 10) for 5 images and 1000 classes"),
        ("Named", "an output of type dict for 5 images and 1000 classes"),
    ],
)
def test_what_is_no_classifier_is_not_trained(own, images, tmp_path, name, found):
    architecture = f"{own}{name}"
    for training in (True, False):
        with pytest.raises(InputError) as caught:
            networks.check_scores(networks.without_weights(architecture).train(training), architecture, 32)
        assert found in caught.value.found
    with pytest.raises(InputError, match="images and 2 classes"):
        loop.train(replace(RECIPE, architecture=architecture), images, 1, last_epoch=1, folder=tmp_path, workers=0)


# Modes


def test_no_batch_norm_is_in_training_mode_when_features_are_taken(own, dataset, tmp_path):
    """The function gives a network in training mode, as most do."""
    network = networks.untrained(f"{own}normed", 3, seed=1)
    assert network.bn.training
    modes = []
    network.bn.register_forward_hook(lambda module, inputs, output: modes.append(module.training))
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    found = extracted(network, ["bn"], dataset, 32, tmp_path)["bn"]
    assert modes and not any(modes)
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())
    with torch.no_grad():
        x = network.conv(torch.cat(list(features.image_batches(dataset, STIMULI, 32))))
    expected = x / np.sqrt(1 + network.bn.eps)  # statistics of 0 and 1
    np.testing.assert_allclose(found, expected.flatten(1).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "found"), [("restless", "training mode"), ("untracked", "batch norm without running statistics")]
)
def test_features_that_would_hinge_on_other_images_are_refused(own, dataset, tmp_path, name, found):
    with pytest.raises(InputError, match=f"module bn\n  found:    {found}\n"):
        extracted(networks.untrained(own + name, 3, seed=1), ["conv"], dataset, 32, tmp_path)
    assert list(tmp_path.iterdir()) == []


# What is refused


@pytest.mark.parametrize(
    ("architecture", "found", "advice"),
    [
        ("own:", "own.py:", "<file.py>:<function>, such as"),
        ("own", "own.py", "<file.py>:<function>, such as"),
        ("networks.txt:small", "networks.txt:small", "<file.py>:<function>, such as"),
        ("missing.py:small", "no file missing.py", "a Python file"),
        ("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k", "write timm:resnet50"),
        ("timm:hf-hub:timm/resnet50", "timm:hf-hub:timm/resnet50", "weights are never loaded"),
        ("timm:", "timm:", "with a name of timm's"),
        ("resnet5", "no network 'resnet5'", "resnet50"),
    ],
)
def test_a_name_of_no_form_is_refused_when_the_config_is_read(own, architecture, found, advice):
    architecture = {"own": own.removesuffix(":"), "own:": own}.get(architecture, architecture)
    with pytest.raises(InputError) as caught:
        architectures.check_architecture(architecture)
    assert caught.value.where == "config key networks.*.architecture"
    assert found in caught.value.found
    assert advice in caught.value.expected + caught.value.remedy


def test_a_file_that_is_no_python_is_refused_with_its_line_when_the_config_is_read(tmp_path):
    file = tmp_path / "broken.py"
    for content, found in (
        (b"import torch\ndef small(:\n", "SyntaxError"),
        (b"x = '\xff'\n", "Error"),
        (b"\0", "Error"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError) as caught:
            architectures.check_architecture(f"{file}:small")
        assert found in caught.value.found
        assert caught.value.where.startswith(str(file))
    file.write_bytes(b"import torch\ndef small(:\n")
    with pytest.raises(InputError, match=r"broken.py, line 2\n"):
        architectures.digest(f"{file}:small")


@pytest.mark.parametrize(
    ("name", "where", "found"),
    [
        ("smal", "config key networks.*.architecture", "no function 'smal' in "),
        ("wide", "own.py", "wide(width)"),
        ("nothing", "own.py", "nothing(num_classes=1000) gives a NoneType"),
        ("lazy", "own.py", "lazy parameters, such as weight"),
        ("by_chance", "own.py", "other weights at every call (conv.weight, conv.bias, head.weight, head.bias)"),
        ("failing", f"own.py, line {LINE_OF_FAILURE}", "RuntimeError: no weights"),
    ],
)
def test_a_function_that_gives_no_network_is_refused(own, name, where, found):
    with pytest.raises(InputError) as caught:
        networks.without_weights(own + name)
    assert caught.value.where.endswith(where)
    assert caught.value.found.startswith(found)
    if name != "by_chance":  # in a job too
        with pytest.raises(InputError):
            networks.untrained(own + name, 10, seed=1)


@pytest.mark.parametrize(("content", "line"), [("import torch\n\nimport my_layers\n", 3), ("\nraise SystemExit(1)", 2)])
def test_a_file_that_fails_is_refused_with_its_line(tmp_path, content, line):
    (tmp_path / "my_layers.py").touch()  # beside it, and would not be followed
    (tmp_path / "own.py").write_text(content)
    with pytest.raises(
        InputError, match=rf"own.py, line {line}\n  found:    (ModuleNotFoundError: No m|SystemExit: 1)"
    ):
        networks.untrained(f"{tmp_path / 'own.py'}:small", 2, seed=0)


def test_a_network_that_fails_is_refused_with_what_it_says(tmp_path):
    (tmp_path / "own.py").write_text(
        "from torch import nn\nclass Small(nn.Module):\n    def __init__(self, num_classes):\n"
        "        super().__init__()\n    def forward(self, x):\n        assert False\n"
    )
    name = f"{tmp_path / 'own.py'}:Small"
    with pytest.raises(InputError, match=r"32, for which .*:Small fails: AssertionError\n  expected: none: of"):
        networks.surveyed(networks.without_weights(name), name, 32, "config key features.image_size")


def test_timm_is_asked_for_its_names_and_may_be_missing(monkeypatch):
    with pytest.raises(
        InputError, match=r"no network 'resnet10' in timm [\s\S]*such as timm:resnet10t, timm:resnet101,"
    ):
        networks.untrained("timm:resnet10", 2, seed=0)
    with pytest.raises(InputError, match="weights are never loaded"):
        networks.untrained("timm:hf-hub:timm/resnet50", 2, seed=0)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"timm:resnet10t, but no module timm"):
        networks.untrained("timm:resnet10t", 2, seed=0)


def test_names_are_checked_without_torch_and_timm(own):
    code = (
        "import sys; from early_alignment.networks.architectures import check_architecture, digest, own_file;"
        f"[(check_architecture(name), digest(name)) for name in ('resnet18', 'timm:resnet10t', '{own}tokens')];"
        f"assert str(own_file('{own}tokens')) == '{own.removesuffix(':')}' and own_file('timm:resnet10t') is None;"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    run("python", "-c", code, cwd=REPOSITORY, PYTHONPATH="workflow_scripts")


# Brackets in names


@pytest.mark.jobs
def test_blocks_with_brackets_are_files_of_the_workflow_and_found_again(paper_data, tmp_path):
    block = f"{MIXED_LAYER}[cls]"
    experiment = yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | {"results": str(tmp_path / "r")}
    training = {"images": str(paper_data / "imagenet"), "epochs": 1}
    vit = {"architecture": "vit_b_16", "blocks": [block], "epochs": [0], "seeds": [1], "training": training}
    experiment["networks"] = {"vit": vit}
    for name, folder in (("nsd", "nsd"), ("things_eeg2", "things")):
        experiment["datasets"][name]["root"] = str(paper_data / folder)
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    listed = run("snakemake", "--summary", "--configfile", tmp_path / "experiment.yaml", cwd=REPOSITORY).stdout
    assert f"{tmp_path}/r/features/nsd/vit/seed-1/epoch-000/224px/{block}.zarr.zip\t" in listed
    assert f"{tmp_path}/r/alignment/nsd/vit/seed-1/epoch-000/224px/{block}/V1v.csv\t" in listed


def test_the_plan_knows_features_that_are_there_of_a_block_with_brackets(own, dataset, tmp_path):
    network = Network("net", {"architecture": f"{own}tokens"}, {})
    folder = tmp_path / "features/plain/net/seed-1/epoch-000/64px"
    folder.mkdir(parents=True)
    extracted(networks.untrained(f"{own}tokens", 5, seed=1), ["pair[cls]", "pair[patches]"], dataset, 64, folder)
    for block, n_features in (("pair[cls]", 6), ("pair[patches]", 64 * 6)):
        assert costs.features_of(tmp_path, network, "plain", "64px", block) == n_features
        assert np.isnan(costs.features_of(tmp_path, network, "plain", "32px", block))
