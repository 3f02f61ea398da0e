# Train one network per seed and keep every epoch.
#
# A seed's training is a chain of jobs, each of which trains `training.epochs_per_job` epochs into the folder
# results/training/seed-{seed}/. Snakemake deletes what a failed job declares as its output, so the epochs there are
# not declared: a killed job goes on after its last finished epoch. Each epoch is then published by a hard link as a
# tracked file. That epochs are published one by one is why training longer touches none that is there already.
#
# Inputs: the labelled images (not tracked: a million files).
# Outputs: checkpoints/seed-{seed}/epoch-{epoch}.pt, accuracy/seed-{seed}/epoch-{epoch}.json

N_EPOCHS = config["training"]["epochs"]
EPOCHS_PER_JOB = config["training"]["epochs_per_job"]
MACHINERY = {"images", "epochs", "epochs_per_job"}
RECIPE = {"architecture": config["network"]["architecture"]} | {
    key: config["training"][key] for key in sorted(config["training"]) if key not in MACHINERY
}


def segment_file(seed, segment):
    """The file that says that a segment, counted from 1, is trained."""
    return results(f"training/seed-{seed}/segment-{segment:03d}.json")


def segment_of(wildcards):
    """The segment that trains an epoch; the untrained network belongs to the first."""
    return segment_file(wildcards.seed, max(1, -(-int(wildcards.epoch) // EPOCHS_PER_JOB)))


def segment_before(wildcards):
    """The segment that must be trained before this one, if any."""
    earlier = int(wildcards.segment) - 1
    return [ancient(segment_file(wildcards.seed, earlier))] if earlier else []


def last_epoch(wildcards):
    """The last epoch of a segment."""
    return min(int(wildcards.segment) * EPOCHS_PER_JOB, N_EPOCHS)


rule train:
    input:
        earlier=segment_before,
        images=ancient(SIMULATION.labelled_images) if SIMULATION else [],
    output:
        results("training/seed-{seed}/segment-{segment}.json"),
    log:
        log_of("training/seed-{seed}/segment-{segment}"),
    benchmark:
        benchmark_of("training/seed-{seed}/segment-{segment}")
    params:
        recipe=RECIPE,
        last_epoch=last_epoch,
    conda:
        "../envs/networks.yaml"
    message:
        "Train the network of seed {wildcards.seed} to epoch {params.last_epoch}"
    script:
        "../workflow_scripts/train_network.py"


rule publish_checkpoint:
    input:
        segment=lambda wildcards: ancient(segment_of(wildcards)),
    output:
        checkpoint=results("checkpoints/seed-{seed}/epoch-{epoch}.pt"),
        accuracy=results("accuracy/seed-{seed}/epoch-{epoch}.json"),
    log:
        log_of("checkpoints/seed-{seed}/epoch-{epoch}"),
    benchmark:
        benchmark_of("checkpoints/seed-{seed}/epoch-{epoch}")
    params:
        recipe=RECIPE,
        folder=subpath(input.segment, parent=True),
    message:
        "Publish epoch {wildcards.epoch} of seed {wildcards.seed}"
    shell:
        "(ln -f {params.folder}/epoch-{wildcards.epoch}.pt {output.checkpoint} &&"
        " ln -f {params.folder}/epoch-{wildcards.epoch}.json {output.accuracy}) > {log} 2>&1"
