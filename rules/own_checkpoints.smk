# Take a series of checkpoints from elsewhere (network.checkpoints) in place of training networks.
#
# Inputs: the files that network.checkpoints names, and validation images where training.images is set.
# Outputs: checkpoints/seed-{seed}/epoch-{epoch}.pt, checked and with the architecture's own names; with validation
# images, accuracy/seed-{seed}/epoch-{epoch}.json.


rule import_checkpoint:
    input:
        own_checkpoint_file,
    output:
        results("checkpoints/seed-{seed}/epoch-{epoch}.pt"),
    log:
        log_of("checkpoints/seed-{seed}/epoch-{epoch}"),
    benchmark:
        benchmark_of("checkpoints/seed-{seed}/epoch-{epoch}")
    wildcard_constraints:
        epoch=r"\d{3}",
    conda:
        "../envs/networks.yaml"
    params:
        architecture=config["network"]["architecture"],
        code=code_version("import_checkpoint.py"),
    message:
        "Import epoch {wildcards.epoch} of seed {wildcards.seed}"
    script:
        "../workflow_scripts/import_checkpoint.py"


rule evaluate_checkpoint:
    input:
        checkpoint=results("checkpoints/seed-{seed}/epoch-{epoch}.pt"),
        images=images_that_are_known(),
    output:
        results("accuracy/seed-{seed}/epoch-{epoch}.json"),
    log:
        log_of("accuracy/seed-{seed}/epoch-{epoch}"),
    benchmark:
        benchmark_of("accuracy/seed-{seed}/epoch-{epoch}")
    wildcard_constraints:
        epoch=r"\d{3}",
    conda:
        "../envs/networks.yaml"
    params:
        architecture=config["network"]["architecture"],
        image_size=config["training"]["image_size"],
        validation_resize=config["training"]["validation_resize"],
        background=config["training"]["background"],
        computing=config["training"]["computing"],
        code=code_version("evaluate_checkpoint.py"),
    message:
        "Evaluate epoch {wildcards.epoch} of seed {wildcards.seed}"
    script:
        "../workflow_scripts/evaluate_checkpoint.py"
