"""What reruns after a change: the exact set of files, on a finished demo, and for most changes the run itself.

What is to be made is read from Snakemake's table of files (`--summary`), not from its prose.
"""

import re
import shutil
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from conftest import REPOSITORY, copy_of_experiment, files_to_make, run, tables_of
from early_alignment.experiment.config import checked
from early_alignment.experiment.grid import networks_of
from PIL import Image

DEMO = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())
SUBJECTS = {"simulated_EEG": [1, 2, 3], "simulated_fMRI": [1, 2, 3]}
TARGETS = {name: settings["targets"] for name, settings in DEMO["datasets"].items()}
NETWORKS = networks_of(checked(DEMO))
LOOKS = [(name, *look) for name, network in NETWORKS.items() for look in network.looks]
"""(network, seed, epoch, view) of all that is extracted."""
BLOCKS = {name: network.blocks for name, network in NETWORKS.items()}

FIGURE1, SPECIFICATIONS, TRAINING_FIGURE = (
    {f"figures/{name}.{ending}" for name in names for ending in ("png", "svg", "pdf")}
    for names in (
        ("figure1_resnet50", "figure1_resnet18", "networks"),
        ("specification_resnet50", "specification_resnet18"),
        ("training",),
    )
)
OF_ALIGNMENT = {"tables/alignment.csv", "tables/peaks.csv", "tables/trajectories.csv"} | FIGURE1
OF_BRAINS = {f"tables/{name}.csv" for name in ("noise_ceiling", "controls", "trajectories")} | FIGURE1
OF_ACCURACY = {f"tables/{name}" for name in ("accuracy_alignment.csv", "claims.csv", "claims.rst", "survival.csv")}
OF_ACCURACY |= SPECIFICATIONS
OF_TRAINING = {"tables/accuracy.csv"} | OF_ACCURACY | TRAINING_FIGURE
OF_RESAMPLES = {f"tables/{name}.csv" for name in tables_of("statistics.smk") - {"trajectories"}} | OF_ACCURACY


def checkpoints(network, seeds, epochs):
    return {
        f"{kind}/{network}/seed-{seed}/epoch-{epoch}.{ending}"
        for (kind, ending), seed, epoch in product((("checkpoints", "pt"), ("accuracy", "json")), seeds, epochs)
    }


def at(look, block):
    network, seed, epoch, view = look
    return f"{network}/seed-{seed}/epoch-{epoch}/{view}/{block}"


def features(looks=LOOKS, datasets=TARGETS):
    cells = [(name, look, block) for name in datasets for look in looks for block in BLOCKS[look[0]]]
    return {f"features/{name}/{at(look, block)}.zarr.zip" for name, look, block in cells}


def geometry(*which, **more):
    return {file.replace("features", "geometry", 1).replace(".zarr.zip", ".npz") for file in features(*which, **more)}


def model_rdms(*which, distance="correlation", **more):
    places = (file.removeprefix("features/").removesuffix(".zarr.zip") for file in features(*which, **more))
    return {f"model_rdms/{place}/{distance}.npy" for place in places}


def responses(targets=TARGETS, subjects=SUBJECTS):
    cells = [(name, subject, target) for name in targets for subject in subjects[name] for target in targets[name]]
    return {f"responses/{name}/sub-{subject}/{target}.npy" for name, subject, target in cells}


def brain_rdms(targets=TARGETS, subjects=SUBJECTS, distance="correlation"):
    places = (file.removeprefix("responses/").removesuffix(".npy") for file in responses(targets, subjects))
    return {f"brain_rdms/{place}/{distance}.npy" for place in places}


def controls(names=tuple(DEMO["alignment"]["controls"]), datasets=TARGETS, distance="correlation"):
    return {f"controls/{name}/{control}/{distance}.npy" for name in datasets for control in names}


def alignment(looks=LOOKS, targets=TARGETS):
    cells = [
        (name, look, block, target)
        for name in targets
        for look in looks
        for block in BLOCKS[look[0]]
        for target in targets[name]
    ]
    return {f"alignment/{name}/{at(look, block)}/{target}.csv" for name, look, block, target in cells}


def resamples(looks=LOOKS, datasets=TARGETS, distance="correlation"):
    """Those of model RDMs, what gathers these, and the tables of all; those of brains are `brains`."""
    files = (file.removesuffix(".npy") for file in model_rdms(looks, datasets, distance=distance))
    of_models = {f"{file.replace('model_rdms', 'statistics/resamples', 1)}.npz" for file in files}
    gathered = {f"statistics/gathered/{name}/{network}/{distance}.npz" for name in datasets for network, *_ in looks}
    return of_models | gathered | OF_RESAMPLES


def brains(datasets=TARGETS, distance="correlation"):
    """What resamples of data sets have in common."""
    return {f"statistics/resamples/{name}/brains/{distance}.npz" for name in datasets}


def compared_anew(targets=TARGETS, distance="correlation"):
    """What brain RDMs are compared by or with: alignments, and resamples of data sets, brains and models."""
    of_models = resamples(datasets=targets, distance=distance)
    return alignment(targets=targets) | brains(targets, distance) | of_models


def everything_from(looks=LOOKS, datasets=TARGETS):
    """Features and what is made of them."""
    targets = {name: TARGETS[name] for name in datasets}
    made = features(looks, datasets) | geometry(looks, datasets) | model_rdms(looks, datasets)
    made |= alignment(looks, targets)
    return made | resamples(looks, datasets)


class Experiment:
    """A finished demo in a folder of its own, and a config that can be changed."""

    def __init__(self, finished: Path, folder: Path):
        self.folder = folder
        copy_of_experiment(finished, folder)
        self.config = yaml.safe_load((folder / "experiments/demo.yaml").read_text())
        self.options: list[str] = []

    def replace(self, path, content) -> None:
        """Write a file anew, not through its link."""
        (self.folder / path).unlink()
        (self.folder / path).write_bytes(content)

    def write_config(self) -> str:
        (self.folder / "changed.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))
        return "changed.yaml"

    def run_all(self) -> None:
        command = ("snakemake", "--cores", "2", "--quiet", "all", "--configfile", self.write_config())
        run(*command, *self.options, cwd=self.folder)

    def pending(self) -> tuple[set[str], set[str]]:
        """The files that Snakemake would make, under the results folder, and the seeds that it would train."""
        files = files_to_make(self.write_config(), *self.options, cwd=self.folder)
        files = {file.removeprefix(f"{self.config['results']}/") for file in files}
        segments = {file for file in files if file.startswith("training/")}
        return files - segments, {int(re.search(r"seed-(\d+)", file)[1]) for file in segments}


@pytest.fixture
def experiment(finished_demo, tmp_path):
    return Experiment(finished_demo, tmp_path / "copy")


def everything_of_seed_3():
    network = NETWORKS["resnet50"]
    looks = [("resnet50", 3, epoch, view) for _, seed, epoch, view in LOOKS if (_, seed) == ("resnet50", 1)]
    made = checkpoints("resnet50", [3], network.epochs_with_checkpoint)
    return made | everything_from(looks) | OF_ALIGNMENT | OF_TRAINING


def seed_replaced(x):
    x.config["networks"]["resnet50"]["seeds"] = [1, 3]
    return everything_of_seed_3()


def seed_added(x):
    x.config["networks"]["resnet50"]["seeds"] = [1, 2, 3]
    return everything_of_seed_3()


def epoch_added(x):
    x.config["networks"]["resnet50"]["epochs"].append(3)
    return everything_from([("resnet50", seed, "003", "64px") for seed in (1, 2)]) | OF_ALIGNMENT


def view_added(x):
    x.config["networks"]["resnet18"]["calibrated"] = [4]
    return everything_from([("resnet18", 1, "004", "64px-calibrated")]) | OF_ALIGNMENT


def network_added(x):
    """It makes jobs for itself and for tables and figures, and touches no other file."""
    x.config["networks"]["another"] = x.config["networks"]["resnet18"] | {"epochs": [1]}
    place = "another/seed-1/epoch-001/64px"
    blocks, made = BLOCKS["resnet18"], checkpoints("another", [1], NETWORKS["resnet18"].epochs_with_checkpoint)
    for name, targets in TARGETS.items():
        made |= {f"features/{name}/{place}/{block}.zarr.zip" for block in blocks}
        made |= {f"geometry/{name}/{place}/{block}.npz" for block in blocks}
        made |= {f"model_rdms/{name}/{place}/{block}/correlation.npy" for block in blocks}
        made |= {f"alignment/{name}/{place}/{block}/{target}.csv" for block in blocks for target in targets}
        made |= {f"statistics/resamples/{name}/{place}/{block}/correlation.npz" for block in blocks}
        made.add(f"statistics/gathered/{name}/another/correlation.npz")
    kinds, endings = ("figure1", "specification"), ("png", "svg", "pdf")
    made |= {f"figures/{kind}_another.{ending}" for kind, ending in product(kinds, endings)}
    return made | {"labelled_images/another.json"} | OF_ALIGNMENT | OF_TRAINING | OF_RESAMPLES


def region_added(x):
    x.config["datasets"]["simulated_fMRI"]["targets"].append("V2v")
    new = {"simulated_fMRI": ["V2v"]}
    fmri = compared_anew({"simulated_fMRI": []}) | alignment(targets=new)
    return responses(new) | brain_rdms(new) | fmri | OF_ALIGNMENT | OF_BRAINS


def subject_taken_out_and_put_back(x):
    """A subject that is added again, after two of three were analysed."""
    x.config["datasets"]["simulated_EEG"]["subjects"] = [1, 2]
    x.run_all()
    for target in TARGETS["simulated_EEG"]:
        for file in (f"responses/simulated_EEG/sub-3/{target}", f"brain_rdms/simulated_EEG/sub-3/{target}/correlation"):
            (x.folder / f"results/demo/{file}.npy").unlink()
    x.config["datasets"]["simulated_EEG"]["subjects"] = [1, 2, 3]
    eeg = {"simulated_EEG": TARGETS["simulated_EEG"]}
    new = {"simulated_EEG": [3]}
    made = responses(eeg, new) | brain_rdms(eeg, new) | compared_anew(eeg) | {"checked_data.txt"}
    return made | OF_ALIGNMENT | OF_BRAINS


def checkpoint_replaced(x):
    """By other weights of the same seed and epoch; another's are refused."""
    path = x.folder / "results/demo/checkpoints/resnet50/seed-1/epoch-001.pt"
    state = torch.load(path, weights_only=True)
    state["layer4.2.conv3.weight"] *= 1.01
    path.unlink()
    torch.save(state, path)
    return everything_from([("resnet50", 1, "001", "64px")]) | OF_ALIGNMENT


def stimulus_replaced(x):
    image = next((x.folder / "data/demo/things_eeg2/image_set/training_images").rglob("*.jpg"))
    mirrored = Image.open(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.unlink()
    mirrored.save(image)
    of_images = {"stimuli/simulated_EEG.csv"} | controls(datasets=["simulated_EEG"])
    return (
        of_images | everything_from(datasets=["simulated_EEG"]) | brains(["simulated_EEG"]) | OF_ALIGNMENT | OF_BRAINS
    )


def background_changed(x):
    x.config["features"]["background"] = 127
    of_images = {f"stimuli/{name}.csv" for name in TARGETS} | controls()
    return of_images | everything_from() | brains() | OF_ALIGNMENT | OF_BRAINS


def brain_distance_changed(x):
    x.config["rdm"] = {"brain_distance": "euclidean"}
    return brain_rdms(distance="euclidean") | compared_anew() | OF_ALIGNMENT | OF_BRAINS


def distance_changed(x):
    x.config["rdm"] = {"distance": "euclidean"}
    of = {"distance": "euclidean"}
    return controls(**of) | model_rdms(**of) | brain_rdms(**of) | compared_anew(**of) | OF_ALIGNMENT | OF_BRAINS


def distance_added(x):
    """It reads no features, so they may be temporary and gone."""
    made = distance_changed(x)
    x.config["rdm"] = {"distance": ["correlation", "euclidean"]}
    x.config["features"]["keep"] = False
    shutil.rmtree(x.folder / "results/demo/features")
    return made


def similarity_changed(x):
    x.config["alignment"]["measures"] = ["spearman"]
    return compared_anew() | OF_ALIGNMENT | OF_BRAINS


def choice_of_pairs_added(x):
    x.config["alignment"]["pairs"] = ["all", "within_partitions"]
    return compared_anew() | OF_ALIGNMENT | OF_BRAINS


def control_added(x):
    """It reads images, and extracts no features."""
    x.config["alignment"]["controls"].append("pixels")
    return controls(["pixels"]) | compared_anew() | OF_ALIGNMENT | OF_BRAINS


def averaging_added(x):
    x.config["alignment"]["averaging"] = ["subjects_then_average", "average_then_correlate"]
    return compared_anew() | OF_ALIGNMENT | OF_BRAINS


def comment_and_resource_changed(x):
    for file in ("rules/alignment.smk", "workflow_scripts/early_alignment/geometry/rdms.py"):
        x.replace(file, (x.folder / file).read_bytes() + b"\n# a comment\n")
    x.options = ["--set-resources", "alignment:mem_mb=999", "--set-threads", "model_rdms=2"]
    return set()


def keys_reordered(x):
    x.config = {key: x.config[key] for key in reversed(x.config)}
    for key in ("simulation", "features"):
        x.config[key] = dict(reversed(x.config[key].items()))
    for network in x.config["networks"].values():
        network["training"] = dict(reversed(network["training"].items()))
    return set()


def rdm_code_edited(x):
    file = "workflow_scripts/early_alignment/geometry/rdms.py"
    x.replace(file, (x.folder / file).read_bytes() + b"\nEDITED = True\n")
    of_distances = controls() | model_rdms() | brain_rdms()
    return of_distances | compared_anew() | OF_ALIGNMENT | OF_BRAINS


def format_code_edited(x):
    """How responses are read, in one format of two."""
    file = "workflow_scripts/early_alignment/datasets/things_eeg2.py"
    code = (x.folder / file).read_bytes()
    edited = code.replace(
        b"return responses.mean(axis=-1)[..., order]", b"return 2 * responses.mean(axis=-1)[..., order]"
    )
    assert edited != code
    x.replace(file, edited)
    eeg = {"simulated_EEG": TARGETS["simulated_EEG"]}
    return responses(eeg) | brain_rdms(eeg) | compared_anew(eeg) | OF_ALIGNMENT | OF_BRAINS


def training_lengthened(x):
    for network in x.config["networks"].values():
        network["training"] = network["training"] | {"epochs": 6}
    made = checkpoints("resnet50", [1, 2], ["005", "006"]) | checkpoints("resnet18", [1], ["005", "006"])
    return made | OF_TRAINING


def training_lengthened_and_similarity_changed(x):
    """Two changes at once, of which the second lies behind the first's jobs by an `ancient` file alone."""
    return training_lengthened(x) | similarity_changed(x)


def messages_reworded(x):
    for file in ("datasets/base.py", "networks/features.py"):
        file = f"workflow_scripts/early_alignment/{file}"
        x.replace(file, (x.folder / file).read_bytes().replace(b"InputError(\n", b'InputError(\n"In other words",', 1))
    return set()


def figure_restyled(x):
    file = "workflow_scripts/early_alignment/pictures/figures.py"
    x.replace(file, (x.folder / file).read_bytes() + b"\nSTYLE = 2\n")
    return FIGURE1


def cloned_anew(x):
    """Every file of the repository written now, with the content that it had."""
    own = ("results", "data", ".snakemake")
    for file in x.folder.rglob("*"):
        if file.is_file() and file.relative_to(x.folder).parts[0] not in own:
            file.touch()
    return set()


def comment_in_scripts(x):
    for file in (x.folder / "workflow_scripts").glob("*.py"):
        x.replace(file, b"# a comment\n" + file.read_bytes())
    return set()


def script_edited(x):
    file = "workflow_scripts/align.py"
    x.replace(file, (x.folder / file).read_bytes() + b"\nEDITED = True\n")
    return alignment() | OF_ALIGNMENT


def training_script_edited(x):
    file = "workflow_scripts/train_network.py"
    x.replace(file, (x.folder / file).read_bytes() + b"\nEDITED = True\n")
    return set()


def results_moved(x):
    """The results folder renamed, with the files' dates, and named in the config."""
    (x.folder / "results/demo").rename(x.folder / "results/elsewhere")
    x.config["results"] = "results/elsewhere"
    return set()


LONG = (
    seed_replaced,
    seed_added,
    epoch_added,
    view_added,
    network_added,
    subject_taken_out_and_put_back,
    stimulus_replaced,
    rdm_code_edited,
    background_changed,
)
QUICK = (
    region_added,
    similarity_changed,
    choice_of_pairs_added,
    control_added,
    averaging_added,
    brain_distance_changed,
    distance_changed,
    distance_added,
    format_code_edited,
    checkpoint_replaced,
    figure_restyled,
)
LONG += (training_lengthened, training_lengthened_and_similarity_changed)
OF_SCRIPTS = (cloned_anew, messages_reworded, comment_in_scripts, script_edited, training_script_edited)


@pytest.mark.parametrize(
    "change", [*QUICK, *LONG, *OF_SCRIPTS, comment_and_resource_changed, keys_reordered, results_moved]
)
def test_exactly_what_a_change_concerns_is_to_be_made_again(experiment, change):
    expected = change(experiment)
    retrained = {seed_replaced: {3}, seed_added: {3}, network_added: {1}}
    retrained |= {key: {1, 2} for key in (training_lengthened, training_lengthened_and_similarity_changed)}
    assert experiment.pending() == (expected, retrained.get(change, set()))


@pytest.mark.parametrize("change", [*QUICK, *(pytest.param(change, marks=pytest.mark.slow) for change in LONG)])
def test_and_when_it_is_made_nothing_is_left(experiment, change):
    expected = change(experiment)
    results = experiment.folder / "results/demo"
    before = {file: file.stat().st_mtime_ns for file in results.rglob("*.*") if file.is_file()}
    experiment.run_all()
    assert experiment.pending() == (set(), set())
    made = {
        str(f.relative_to(results))
        for f in results.rglob("*.*")
        if f.is_file() and before.get(f) != f.stat().st_mtime_ns
    }
    untracked = ("logs/", "benchmarks/", "training/")
    assert {file for file in made if not file.startswith(untracked)} <= expected
