# What the rules of rules/encoding.smk ask for.


def unit_files(wildcards):
    """The files that say where a subject's units are and how noisy, beside those of responses."""
    return [str(path) for path in DATASETS[wildcards.dataset].unit_files(wildcards.subject)]


def smoothers_file(block, dataset="{dataset}"):
    """The pattern of the file of the matrices that predict from a block."""
    return results(f"encoding/{dataset}/{LOOK}/{block}/smoothers.npz")


def settings_of_encoding(dataset):
    """What decides the matrices that predict; sorted, because Snakemake takes another order of keys for another value."""
    settings = config["encoding"] | {"by_concept": DATASETS[dataset].images_share_concepts}
    return {key: settings[key] for key in sorted(settings) if key != "fit"}
