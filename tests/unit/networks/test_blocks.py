"""Blocks: what is taken for a module's output, and which modules and image sizes are refused."""

import numpy as np
import pytest
import torch
from early_alignment.datasets.base import DataSet, Stimulus
from early_alignment.errors import InputError
from early_alignment.networks import features, networks
from early_alignment.networks.feature_files import FeatureFile
from PIL import Image

N_CONDITIONS, IMAGES_EACH = 5, 10


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(3)
    for i in range(N_CONDITIONS * IMAGES_EACH):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / f"{i}.png")
    return DataSet("plain", {"root": root, "subjects": [1], "targets": ["V1"]})


def read(path):
    with FeatureFile(path) as file:
        return np.concatenate(list(file), axis=1)


@pytest.mark.parametrize(("architecture", "runs"), [("resnet18", 2), ("resnet50", 3)])
def test_of_a_module_that_runs_several_times_the_last_output_counts(dataset, tmp_path, capsys, architecture, runs):
    """The last thing that a residual block does is to rectify; conditions are cut by batches of 32."""
    stimuli = [Stimulus(f"condition {i // IMAGES_EACH}", f"{i}.png") for i in range(N_CONDITIONS * IMAGES_EACH)]
    files = {block: tmp_path / f"{block}.zarr.zip" for block in ("layer1.0.relu", "layer1.0")}
    network = networks.untrained(architecture, n_classes=3, seed=1).eval()
    features.extract(network, files, dataset, stimuli, size=32, batch_size=32)
    relu, block = (read(file) for file in files.values())
    np.testing.assert_array_equal(relu, block)
    with torch.no_grad():
        x = torch.stack([image for batch in features.image_batches(dataset, stimuli, 32) for image in batch])
        expected = network.layer1[0](network.maxpool(network.relu(network.bn1(network.conv1(x)))))
    expected = expected.reshape(N_CONDITIONS, IMAGES_EACH, -1).mean(1).numpy()
    np.testing.assert_allclose(block.astype(float), expected, rtol=2e-3, atol=2e-3)
    printed = capsys.readouterr().out
    assert f"block layer1.0.relu runs {runs} times in a pass, and its last output is taken" in printed
    assert "block layer1.0 " not in printed


class Plain(torch.nn.Module):
    """Puts out what a function makes of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Odd(torch.nn.Module):
    """Modules with outputs of many kinds, beside one whose output is a tensor."""

    def __init__(self):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(4, 2)
        self.named = Plain(lambda x: {"x": x})
        self.loss = Plain(torch.mean)
        self.numbers = Plain(lambda x: x.flatten())
        self.unused = torch.nn.ModuleList([torch.nn.Identity()])
        self.last = Plain(lambda x: (x, None))

    def forward(self, x):
        tokens = x.mean(-1).mT  # images, rows, channels
        tokens = torch.cat([tokens, tokens[..., :1]], dim=-1).transpose(0, 1)  # rows first
        self.attention(tokens, tokens, tokens)
        self.loss(x), self.numbers(x), self.named(x), self.unused[0](x)
        return self.last(x.relu())[0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("architecture", "size", "block", "fault"),
    [
        ("vit_b_32", 224, "encoder.layers.encoder_layer_0.self_attention.out_proj", "does not run"),
        ("googlenet", 32, "aux1.conv", "does not run"),
        ("resnet18", 32, "layer9", "no module 'layer9'"),
        (None, 8, "attention", r"an output of shape \(8, 2, 4\) for 2 images"),
        (None, 8, "named", "an output of type dict that does not begin with a tensor"),
        (None, 8, "loss", r"an output of shape \(\) for 2 images"),
        (None, 8, "numbers", r"an output of shape \(384,\) for 2 images"),
        (None, 8, "unused", "does not run"),
    ],
)
def test_a_module_without_features_is_refused_and_the_remedy_works(architecture, size, block, fault):
    network = Odd() if architecture is None else networks.untrained(architecture, 1000, seed=0)
    images = torch.zeros(2, 3, size, size)
    with pytest.raises(InputError, match=f"module {block}\n  found:    .*{fault}") as caught:
        networks.block_outputs(network.eval(), [block], images)
    assert caught.value.expected.startswith("a module that runs and puts out a tensor, images first")
    others = caught.value.remedy.removeprefix("name another; the nearest are ").split(", ")
    outputs = networks.block_outputs(network, others, images)
    assert all(len(outputs[other]) == 2 for other in others)
    if architecture is not None:  # the check says the same in seconds, before anything is computed
        found = networks.surveyed(networks.without_weights(architecture), architecture, size, "anywhere")
        (error,) = networks.blocks_without_features([block], found, networks.SURVEYED)
        assert str(error) == str(caught.value)


def test_the_nearest_modules_are_named_first():
    found = networks.surveyed(networks.without_weights("vit_b_16"), "vit_b_16", 224, "anywhere")
    attention = "encoder.layers.encoder_layer_3.self_attention"
    (error,) = networks.blocks_without_features([f"{attention}.out_proj"], found, networks.SURVEYED)
    assert f"the nearest are {attention}, encoder.layers.encoder_layer_3," in error.remedy


def test_attention_gives_the_first_tensor_of_its_tuple():
    network = networks.untrained("vit_b_32", n_classes=3, seed=0).eval()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    name = "encoder.layers.encoder_layer_0.self_attention"
    outputs = networks.block_outputs(network, [name, "encoder.dropout", "encoder.layers.encoder_layer_0.ln_1"], images)
    normed = outputs["encoder.layers.encoder_layer_0.ln_1"]
    with torch.no_grad():
        expected, _ = network.get_submodule(name)(normed, normed, normed, need_weights=False)
    torch.testing.assert_close(outputs[name], expected)
    assert networks.activities(network, images)[name].note() == "puts out a tuple, of which the first tensor is taken"


def test_what_is_found_without_weights_is_what_the_network_does():
    for architecture in ("regnet_y_400mf", "swin_t"):
        network = networks.untrained(architecture, n_classes=1000, seed=0).eval()
        images = torch.zeros(networks.SURVEYED, 3, 32, 32)
        found = networks.surveyed(networks.without_weights(architecture), architecture, 32, "anywhere")
        assert found == networks.activities(network, images)
        usable = [name for name in found if found[name].fault(networks.SURVEYED) is None]
        sizes = {name: output[0].numel() for name, output in networks.block_outputs(network, usable, images).items()}
        assert networks.numbers_of_features(list(found), found) == sizes


@pytest.mark.parametrize(
    ("architecture", "size", "found", "expected"),
    [
        ("vit_b_16", 64, "64, for which vit_b_16 fails: .*Expected 224 but got 64", "224: of "),
        ("maxvit_t", 128, "128, for which maxvit_t fails: ", "224, 448: of |224: of "),
        ("alexnet", 16, "16, for which alexnet fails: .*too small", "64, 96, "),
        ("inception_v3", 64, "64, for which inception_v3 fails: .*greater than actual input size", "96, 128, "),
    ],
)
def test_a_size_that_a_network_does_not_take_is_refused_with_those_that_it_takes(architecture, size, found, expected):
    with pytest.raises(InputError, match=rf"features.image_size\n  found:    {found}.*\n  expected: ({expected})"):
        networks.surveyed(networks.without_weights(architecture), architecture, size, "config key features.image_size")


@pytest.mark.long
def test_a_size_that_only_training_does_not_take_is_refused_too():
    network = networks.without_weights("inception_v3")
    networks.surveyed(network, "inception_v3", 96, "anywhere")
    with pytest.raises(InputError, match=r"found: +96[\s\S]*expected: 299, "):
        networks.surveyed(network.train(), "inception_v3", 96, "anywhere")


@pytest.mark.parametrize(
    ("activity", "fault", "note"),
    [
        (networks.Activity(), "a module that does not run when the network is evaluated", ""),
        (networks.Activity(1, "dict"), "an output of type dict that does not begin with a tensor", ""),
        (networks.Activity(1, "Tensor", (3,)), "an output of shape (3,) for 3 images", ""),
        (networks.Activity(1, "Tensor", (4, 5)), "an output of shape (4, 5) for 3 images", ""),
        (networks.Activity(1, "Tensor", (3, 5)), None, ""),
        (networks.Activity(2, "Tensor", (3, 5, 5)), None, "runs 2 times in a pass, and its last output is taken"),
        (networks.Activity(1, "list", (3, 5)), None, "puts out a list, of which the first tensor is taken"),
        (
            networks.Activity(3, "tuple", (3, 5)),
            None,
            "runs 3 times in a pass, and its last output is taken; "
            "puts out a tuple, of which the first tensor is taken",
        ),
    ],
)
def test_what_a_module_did_is_said_in_words(activity, fault, note):
    assert activity.fault(3) == fault
    assert activity.note() == note


def test_the_first_tensor_is_what_a_tuple_or_a_list_begins_with():
    tensor, other = torch.zeros(1), torch.ones(1)
    for output in (tensor, (tensor,), (tensor, other), [tensor, None]):
        assert networks.first_tensor(output) is tensor
    for output in ((), [], (None, tensor), ((tensor,),), {0: tensor}, "text", None):
        assert networks.first_tensor(output) is None


TREE = ["stem", "stem.conv", "layer", "layer.0", "layer.0.conv", "layer.0.relu", "layer.1", "layer.1.conv", "fc"]


def ancestors(name):
    parts = name.split(".")
    return {".".join(parts[:i]) for i in range(len(parts) + 1)}


def test_modules_are_as_far_apart_as_their_ancestors_differ():
    for a in TREE:
        for b in TREE:
            assert networks.steps_between(a, b) == len(ancestors(a) ^ ancestors(b))
        near = networks.nearest(a, TREE[1:], TREE)
        distances = [(len(ancestors(a) ^ ancestors(name)), abs(TREE.index(a) - TREE.index(name))) for name in near]
        assert sorted(near) == sorted(TREE[1:])
        assert distances == sorted(distances)
    assert networks.nearest("layer.0.conf", TREE, TREE)[0] == "layer.0.conv"
    assert sorted(networks.nearest("???", TREE, TREE)) == sorted(TREE)  # however unlike


def test_the_five_nearest_modules_are_named_and_blocks_with_features_are_no_error():
    found = {name: networks.Activity(1, "Tensor", (4, 2)) for name in TREE} | {"fc": networks.Activity()}
    assert networks.blocks_without_features(TREE[:-1], found, 4) == []
    errors = networks.blocks_without_features(["layer.0", "fc", "layer.0.konv"], found, 4)
    assert [error.where for error in errors] == [
        "config key networks.*.blocks, module fc",
        "config key networks.*.blocks, module layer.0.konv",
    ]
    assert errors[0].found == "a module that does not run when the network is evaluated"
    assert errors[1].found == "no module 'layer.0.konv'"
    assert errors[0].remedy == "name another; the nearest are layer, stem, layer.1, layer.0, stem.conv"
    assert errors[1].remedy.startswith("name another; the nearest are layer.0.conv, ")
    assert errors[1].remedy.count(",") == 4
    assert all("a tensor, images first, or a tuple that begins with one" in error.expected for error in errors)
    assert networks.numbers_of_features([*TREE, "nowhere"], {"fc": networks.Activity(1, "Tensor", (5, 2, 3, 7))}) == {
        "fc": 2 * 3 * 7
    }
    assert networks.numbers_of_features(["fc"], {"fc": networks.Activity(1, "Tensor", (4, 2))}) == {}


def test_the_first_gpu_is_used_where_there_is_one(monkeypatch):
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert networks.device() == torch.device(expected)


class Twice(torch.nn.Module):
    """Modules that run twice, of which one puts out a tensor the first time alone."""

    def __init__(self):
        super().__init__()
        self.relu = torch.nn.ReLU()
        self.fading = Plain(lambda x: x if x.ndim == 4 else {"x": x})
        self.linear = torch.nn.Linear(3, 5)

    def forward(self, x):
        self.fading(x)
        x = self.linear(self.relu(x).mean((-1, -2)))
        self.fading(x)
        return self.relu(x)


def test_runs_are_counted_and_the_last_one_counts():
    network, images = Twice().eval(), torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    found = networks.activities(network, images)
    assert found == {
        "relu": networks.Activity(2, "Tensor", (2, 5)),
        "fading": networks.Activity(2, "dict", None),
        "linear": networks.Activity(1, "Tensor", (2, 5)),
    }
    outputs = networks.block_outputs(network, ["relu", "linear"], images)
    with torch.no_grad():
        torch.testing.assert_close(outputs["linear"], network.linear(images.mean((2, 3))))
    torch.testing.assert_close(outputs["relu"], outputs["linear"].clamp(min=0))
    with pytest.raises(InputError, match="module fading\n  found:    an output of type dict"):
        networks.block_outputs(network, ["relu", "fading"], images)
