# What the rules of rules/statistics.smk ask for.

RESAMPLES = f"statistics/resamples/{{dataset}}/{LOOK}/{{block}}.npz"


def brain_rdms_of(dataset):
    """(target, subject) → the file of its brain RDM, for all of a data set's."""
    return {
        (target, subject): results(f"brain_rdms/{dataset}/sub-{subject}/{target}.npy")
        for target in DATASETS[dataset].targets
        for subject in DATASETS[dataset].subjects_of(target)
    }


def resamples_of(wildcards):
    """The files of resamples of a network with a data set, blocks in order."""
    network = NETWORKS[wildcards.network]
    return [
        results(RESAMPLES).format(
            dataset=wildcards.dataset,
            network=network.name,
            seed=seed,
            epoch=epoch,
            view=view,
            block=block,
        )
        for block, (seed, epoch, view) in product(network.blocks, network.looks)
    ]


def claims_to_evaluate(wildcards):
    """The claims of the paper or of a file of the user's; what they say decides, not where they are."""
    from early_alignment.statistics import claims

    return claims.read(config["statistics"]["claims"] or claims.PAPERS)
