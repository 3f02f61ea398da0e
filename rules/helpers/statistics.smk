# What the rules of rules/statistics.smk ask for.

RESAMPLES = f"statistics/resamples/{{dataset}}/{LOOK}/{{block}}/{{distance}}.npz"


def brain_rdms_of(wildcards):
    """(target, subject) → the file of its brain RDM, for all of a data set's."""
    dataset = wildcards.dataset
    return {
        (target, subject): brain_rdm_file(dataset, subject, target, wildcards.distance)
        for target in DATASETS[dataset].targets
        for subject in DATASETS[dataset].subjects_of(target)
    }


def resamples_of(wildcards):
    """The files of resamples of a network with a data set by one distance, blocks in order."""
    network = NETWORKS[wildcards.network]
    return [
        results(RESAMPLES).format(
            dataset=wildcards.dataset,
            network=network.name,
            seed=seed,
            epoch=epoch,
            view=view,
            block=block,
            distance=wildcards.distance,
        )
        for block, (seed, epoch, view) in product(network.blocks, network.looks)
    ]


def claims_to_evaluate(wildcards):
    """The claims of the paper or of a file of the user's; what they say decides, not where they are."""
    from early_alignment.statistics import claims

    return claims.read(config["statistics"]["claims"] or claims.PAPERS)
