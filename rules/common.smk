# The grid, the check of the config, and the names that all rules share.
#
# Nothing here reads data: this file is run again at the start of every job.

import gc
import re
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from early_alignment.comparison.kinds import resampled_kinds
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from early_alignment.experiment.config import check_own_files, check_roots, checked, own_checkpoint
from early_alignment.experiment.grid import distances, networks_of, size_of_view
from early_alignment.geometry.brain_rdms import NEEDS_REPETITIONS
from early_alignment.geometry.controls import distance_of
from early_alignment.simulation.plan import plan_of
from snakemake_additions import ancient_inputs, messages, sigterm
from snakemake_additions.code_versions import code_version
from snakemake_additions.command_line import needs_no_data
from snakemake_additions.executors import check_executor
from snakemake_additions.overview import print_overview

ancient_inputs.count_for_themselves()
messages.shorten(logger)
sigterm.never_hang()
# Snakemake's graph is millions of small objects that live to the end: looking among them for garbage as often as Python
# does by default took a fifth of the dry-run of all epochs.
gc.set_threshold(200_000, 50, 1000)

try:
    # What YAML makes of a file hides some mistakes in it; jobs need not look again.
    config = checked(config, workflow.configfiles if workflow.is_main_process else ())
    SIMULATION = plan_of(config)
    try:
        if SIMULATION is None:
            check_roots(config)
        check_own_files(config)
        if config["statistics"]["claims"]:
            from early_alignment.statistics import claims

            claims.read(config["statistics"]["claims"])
    except InputError:
        if not needs_no_data():
            raise
except InputError as error:
    raise WorkflowError(str(error))

# Sorted, because Snakemake takes another order of keys for another value.
SIMULATION_SETTINGS = dict(sorted(config.get("simulation", {}).items()))

NETWORKS = networks_of(config)
DATASETS = {name: open_dataset(name, settings) for name, settings in config["datasets"].items()}
try:
    # With `targets: all`, the times of responses of one's own are in a file.
    TARGETS = [(name, target) for name, dataset in DATASETS.items() for target in dataset.targets]
except InputError as error:
    raise WorkflowError(str(error))
DATASETS_OF_RDMS = [name for name, dataset in DATASETS.items() if dataset.gives_rdms]
DATASETS_OF_RESPONSES = [name for name in DATASETS if name not in DATASETS_OF_RDMS]
CONTROLS = config["alignment"]["controls"]
# Distance between patterns of networks → that between patterns of brains.
DISTANCES = distances(config)
SUBJECTS = {s for name, target in TARGETS for s in DATASETS[name].subjects_of(target)}


def one_of(names):
    """A wildcard constraint: one of the names, and nothing else; of no names, what nothing fulfils."""
    return "|".join(sorted((re.escape(str(name)) for name in names), reverse=True)) or "(?!)"


wildcard_constraints:
    network=one_of(NETWORKS),
    seed=one_of({seed for network in NETWORKS.values() for seed in network.seeds}),
    epoch=r"\d{3}(\+\d{5})?",
    view=r"\d+px(-calibrated)?",
    segment=r"\d{3}",
    block=one_of({block for network in NETWORKS.values() for block in network.blocks}),
    dataset=one_of(DATASETS),
    target=one_of({target for _, target in TARGETS}),
    control=one_of(CONTROLS),
    distance=one_of(DISTANCES),
    subject=one_of(SUBJECTS),


def results(path):
    """A path in the results folder."""
    return f"{config['results']}/{path}"


def trained(path):
    """A path in the folder where trainings live, which experiments can share."""
    return f"{config['trained'] or config['results']}/{path}"


def log_of(path, folder=results):
    """The path of the log of the job that makes a result."""
    return folder(f"logs/{path}.log")


def benchmark_of(path, folder=results):
    """The path of the run time and memory of the job that makes a result."""
    return folder(f"benchmarks/{path}.tsv")


def code_with_format(script):
    """The version of a script's code and of the module that reads the job's data set, by wildcards."""
    return lambda wildcards: code_version(
        script, f"datasets/{DATASETS[wildcards.dataset].settings['format']}.py"
    )


# Below a data set's name, what is of one checkpoint, seen in one way.
LOOK = "{network}/seed-{seed}/epoch-{epoch}/{view}"


def experiment_files(pattern, network):
    """A pattern's files for all of a network's seeds × epochs × views × blocks × targets."""
    return [
        pattern.format(
            dataset=dataset,
            target=target,
            network=network.name,
            seed=seed,
            epoch=epoch,
            view=view,
            block=block,
        )
        for (dataset, target), (seed, epoch, view), block in product(
            TARGETS, network.looks, network.blocks
        )
    ]


def brain_rdm_file(dataset, subject, target, distance):
    """The brain RDM that is compared with those of networks of some distance."""
    return results(f"brain_rdms/{dataset}/sub-{subject}/{target}/{DISTANCES[distance]}.npy")


def brain_rdm_files(dataset, target):
    """For each distance, the brain RDMs of all subjects that have the target, in order."""
    subjects = DATASETS[dataset].subjects_of(target)
    return [
        brain_rdm_file(dataset, subject, target, of) for of in DISTANCES for subject in subjects
    ]


# The data sets that encoding models are fitted to: those that are responses.
ENCODED = DATASETS_OF_RESPONSES if config["encoding"]["fit"] else []


def encoding_files(network, datasets=ENCODED, targets=None):
    """The scores of units by a network, of all targets or some, blocks in order."""
    return [
        results(
            f"encoding/{dataset}/{network.name}/seed-{seed}/epoch-{epoch}/{view}/{block}/sub-{subject}/{target}.npz"
        )
        for dataset in datasets
        for block, (seed, epoch, view) in product(network.blocks, network.looks)
        for target in targets or DATASETS[dataset].targets
        for subject in DATASETS[dataset].subjects
    ]


def encoding_alignments(network):
    """The rows among the alignments that encoding models of a network give."""
    return [
        results(f"encoding/{dataset}/{network.name}/seed-{seed}/epoch-{epoch}/{view}/{target}.csv")
        for dataset in ENCODED
        for (seed, epoch, view), target in product(network.looks, DATASETS[dataset].targets)
    ]


# Ways of comparing RDMs for which stimuli can be resampled: measure, pairs, control, scheme.
RESAMPLED = resampled_kinds(config["alignment"])
# Whether there is something with intervals, which claims and tables of timing are made from.
HAS_CURVES = bool(RESAMPLED or ENCODED)


def brain_resamples_files():
    """What comparisons in resamples have in common, of every data set and distance."""
    return [
        results(f"statistics/resamples/{dataset}/brains/{distance}.npz")
        for dataset, distance in product(DATASETS if RESAMPLED else [], DISTANCES)
    ]


def control_rdm_files(dataset, of=DISTANCES):
    """For each distance, the RDMs of all controls for a data set's stimuli, in order."""
    return [results(f"controls/{dataset}/{control}/{d}.npy") for d in of for control in CONTROLS]


def files_of_labels(dataset):
    """The file that labels a data set's conditions, if it is asked which pairs of conditions are of one label."""
    is_asked = any(pairs != "all" for pairs in config["alignment"]["pairs"])
    return [results(f"stimuli/{dataset}.csv")] if is_asked else []


def stimulus_files(wildcards):
    """The files that decide a data set's stimuli; those of a simulated one are known before they are there."""
    dataset = DATASETS[wildcards.dataset]
    if SIMULATION is not None:
        return [str(path) for path in SIMULATION.stimulus_files(dataset.settings["format"])]
    return [str(path) for path in dataset.stimulus_files()]


def brain_files(wildcards):
    """The files that decide a subject's responses for a target."""
    dataset = DATASETS[wildcards.dataset]
    return [str(path) for path in dataset.brain_files(wildcards.subject, wildcards.target)]


def raw_files(wildcards):
    """The raw EEG files of a session, by partition."""
    files = DATASETS[wildcards.dataset].raw_files(wildcards.subject, int(wildcards.session))
    return {partition: str(path) for partition, path in files.items()}


def preprocessed_sessions(wildcards):
    """The preprocessed files of a subject's sessions, in order."""
    return [
        results(f"preprocessed_data/{wildcards.dataset}/sub-{wildcards.subject}/ses-{session}.npy")
        for session in DATASETS[wildcards.dataset].sessions
    ]


def simulated_data(wildcards):
    """What must be simulated before data can be looked over; changed simulated data are whole, so not again."""
    if SIMULATION is None:
        return []
    formats = {dataset.settings["format"] for dataset in DATASETS.values()}
    return [ancient(path) for format_ in sorted(formats) for path in simulated_files(format_)]


def simulated_files(format_):
    """All files that decide the stimuli and the responses of the simulated data set in that format."""
    datasets = [d for d in DATASETS.values() if d.settings["format"] == format_]
    brain = {
        f
        for d in datasets
        for s in d.subjects
        for t in d.targets
        for f in (*d.brain_files(s, t), *d.unit_files(s))
    }
    return sorted({str(path) for path in brain | set(SIMULATION.stimulus_files(format_))})


TRAINED_NETWORKS = [name for name, network in NETWORKS.items() if network.is_trained]
OWN_SERIES = [name for name in NETWORKS if name not in TRAINED_NETWORKS]
WITH_IMAGES = [name for name, network in NETWORKS.items() if network.is_evaluated]

# Checkpoints, their accuracies, and the fingerprint of the labelled images.
CHECKPOINT = trained("checkpoints/{network}/seed-{seed}/epoch-{epoch}.pt")
ACCURACY = trained("accuracy/{network}/seed-{seed}/epoch-{epoch}.json")
FINGERPRINT = trained("labelled_images/{network}.json")
ORIGINAL_IMAGES = [ancient(SIMULATION.labelled_images)] if SIMULATION else []


def of_network(look_up):
    """A function of wildcards that gives what `look_up` gives of their network."""
    return lambda wildcards: look_up(NETWORKS[wildcards.network])


def own_code(wildcards):
    """The user's file that a network's architecture is in; params hold what of its content decides."""
    return [ancient(file) for file in NETWORKS[wildcards.network].own_code]


def resized_copy(network):
    """The file that says that the resized copy of a network's labelled images is complete."""
    return trained(f"resized_images/{network.copy_of_images}/images.json")


def known_images(wildcards):
    """What a job that reads labelled images waits for: that they are listed and, where asked for, resized.

    What trains depends on them as on something old. A folder that was moved trains nothing again, and other images are
    refused where they are listed.
    """
    network = NETWORKS[wildcards.network]
    files = [FINGERPRINT.format(network=network.name)]
    files += [resized_copy(network)] if network.is_resized else []
    return [ancient(file) for file in files] if network.is_trained else files


def has_resources_of(shared, name):
    """Let the rule `name` have the cores and resources that profiles and the command give to `shared`."""
    settings = workflow.resource_settings
    for given in (
        settings.overwrite_threads,
        settings.overwrite_resources,
        settings.overwrite_resource_scopes,
    ):
        if given and shared in given and name not in given:
            given[name] = given[shared]


# Now, since Snakemake reads what profiles give to rules once, at the first rule.
for name in NETWORKS:
    for shared in ("features", "geometry", "model_rdms", "smoothers"):
        has_resources_of(shared, f"{shared}_{name}")
    for dataset in DATASETS_OF_RESPONSES:
        has_resources_of("encoding", f"encoding_{name}_{dataset}")


def group_of(shared, **known):
    """The group, for `group:`, that profiles and the command give to `shared`: they are known after rules are read.

    What is known of a job beside its wildcards is given by name.
    """

    def group(wildcards):
        pattern = workflow.group_settings.overwrite_groups.get(shared)
        return pattern and pattern.format(**wildcards, **known)

    return group


def cores_by_rule():
    """Rule → threads of a job, for rules of which the profile or the command says so."""
    given = workflow.resource_settings.overwrite_threads
    return {rule: int(threads.value) for rule, threads in given.items()}


def gpus_by_rule():
    """Rule → GPUs of a job, likewise."""
    given = workflow.resource_settings.overwrite_resources
    return {rule: int(r["gpu"].value) for rule, r in given.items() if "gpu" in r}
