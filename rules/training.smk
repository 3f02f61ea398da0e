# Train networks, one per seed, and keep every epoch.
#
# A seed's training is a chain of jobs, each of which trains `training.epochs_per_job` epochs into the folder
# results/training/{network}/seed-{seed}/. Snakemake deletes what a failed job declares as its output, so the epochs there are
# not declared: a killed job goes on after its last finished epoch. Each epoch is then published as a tracked file. That
# epochs are published one by one is why training longer touches none that is there already. They are published as
# copies, which share their blocks with the original where the file system can (XFS, Btrfs) and take as much room again
# where it cannot: a hard link would let whoever writes into a published checkpoint change what training goes on from.
#
# These rules do not follow the library's code, as the others do: an edit there must not cost a cluster's week. Remove
# results/training/, checkpoints/ and accuracy/ to train anew with changed code.
#
# Inputs: the labelled images (not tracked: a million files).
# Outputs: checkpoints/{network}/seed-{seed}/epoch-{epoch}.pt, and accuracy/….json for each.


include: "helpers/training.smk"


# What takes less time than a job of a cluster's is done where Snakemake runs.
localrules:
    data_are_checked,
    publish_checkpoint,


# A file among the trainings, since for Snakemake a job whose inputs have other paths is another job: an experiment with
# results of its own would train anew what another one trained.
rule data_are_checked:
    input:
        ancient(results("checked_data.txt")),
    output:
        touch(trained("training/data_are_checked")),
    message:
        "Let trainings begin"


rule train:
    input:
        earlier=segment_before,
        checked=ancient(trained("training/data_are_checked")),
        images=known_images,
        network=own_code,
    output:
        trained("training/{network}/seed-{seed}/segment-{segment}.json"),
    log:
        log_of("training/{network}/seed-{seed}/segment-{segment}", trained),
    benchmark:
        benchmark_of("training/{network}/seed-{seed}/segment-{segment}", trained)
    wildcard_constraints:
        network=one_of(TRAINED_NETWORKS),
    conda:
        "../envs/networks.yaml"
    params:
        recipe=of_network(lambda network: network.recipe),
        computing=of_network(lambda network: network.training["computing"]),
        early_steps=of_network(lambda network: network.training["early_steps"]),
        last_epoch=last_epoch,
    message:
        "Train {wildcards.network}, seed {wildcards.seed}, to epoch {params.last_epoch}"
    script:
        "../workflow_scripts/train_network.py"


rule publish_checkpoint:
    input:
        segment=segment_of,
    output:
        checkpoint=CHECKPOINT,
        accuracy=ACCURACY,
    log:
        log_of("checkpoints/{network}/seed-{seed}/epoch-{epoch}", trained),
    benchmark:
        benchmark_of("checkpoints/{network}/seed-{seed}/epoch-{epoch}", trained)
    wildcard_constraints:
        network=one_of(TRAINED_NETWORKS),
    conda:
        "../envs/networks.yaml"
    params:
        recipe=of_network(lambda network: network.recipe),
        folder=subpath(input.segment, parent=True),
    message:
        "Publish epoch {wildcards.epoch} of {wildcards.network}, seed {wildcards.seed}"
    shell:
        "(cp --reflink=auto -- {params.folder:q}/epoch-{wildcards.epoch}.pt {output.checkpoint:q} &&"
        " cp -- {params.folder:q}/epoch-{wildcards.epoch}.json {output.accuracy:q}) > {log:q} 2>&1"
