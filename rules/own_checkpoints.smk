# Take a series of checkpoints from elsewhere (networks.*.checkpoints) in place of training a network.
#
# Inputs: the files that the pattern names, and validation images where training.images is set.
# Outputs: checkpoints/{network}/seed-{seed}/epoch-{epoch}.pt, checked: a link to the file where it is a state dict with
# the architecture's own names, else a copy that has them; with validation images,
# accuracy/{network}/seed-{seed}/epoch-{epoch}.json.


include: "helpers/own_checkpoints.smk"


rule import_checkpoint:
    input:
        checkpoint=own_checkpoint_file,
        network=own_code,
    output:
        CHECKPOINT,
    log:
        log_of("checkpoints/{network}/seed-{seed}/epoch-{epoch}", trained),
    benchmark:
        benchmark_of("checkpoints/{network}/seed-{seed}/epoch-{epoch}", trained)
    wildcard_constraints:
        network=one_of(OWN_SERIES),
    conda:
        "../envs/networks.yaml"
    params:
        architecture=of_network(lambda network: network.architecture),
        network_code=of_network(lambda network: network.recipe["network_code"]),
        code=code_version("import_checkpoint.py"),
    message:
        "Import epoch {wildcards.epoch} of {wildcards.network}, seed {wildcards.seed}"
    script:
        "../workflow_scripts/import_checkpoint.py"


rule evaluate_checkpoint:
    input:
        checkpoint=CHECKPOINT,
        images=known_images,
        network=own_code,
    output:
        ACCURACY,
    log:
        log_of("accuracy/{network}/seed-{seed}/epoch-{epoch}", trained),
    benchmark:
        benchmark_of("accuracy/{network}/seed-{seed}/epoch-{epoch}", trained)
    wildcard_constraints:
        network=one_of(set(OWN_SERIES) & set(WITH_IMAGES)),
    conda:
        "../envs/networks.yaml"
    params:
        architecture=of_network(lambda network: network.architecture),
        image_size=of_network(lambda network: network.training["image_size"]),
        validation_resize=of_network(lambda network: network.training["validation_resize"]),
        background=of_network(lambda network: network.training["background"]),
        computing=of_network(lambda network: network.training["computing"]),
        network_code=of_network(lambda network: network.recipe["network_code"]),
        code=code_version("evaluate_checkpoint.py"),
    message:
        "Evaluate epoch {wildcards.epoch} of {wildcards.network}, seed {wildcards.seed}"
    script:
        "../workflow_scripts/evaluate_checkpoint.py"
