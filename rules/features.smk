# Pass a data set's images through one checkpoint, seen in one way, and keep what every block puts out.
#
# A rule per network, features_{network}, since each has blocks of its own; profiles say what all need of a machine under
# the name `features`.
#
# Inputs: a checkpoint, the list of stimuli, and for calibrated batch norm the labelled images (not tracked).
# Outputs: features/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}.zarr.zip for all blocks, conditions ×
# features.


include: "helpers/features.smk"


for network in NETWORKS.values():

    rule:
        name:
            f"features_{network.name}"
        input:
            checkpoint=CHECKPOINT,
            stimuli=results("stimuli/{dataset}.csv"),
            checked=ancient(results("checked_data.txt")),
            images=branch(is_calibrated, then=known_images, otherwise=[]),
            network=[ancient(file) for file in network.own_code],
        output:
            [features_file(block) for block in network.blocks],
        log:
            log_of(f"features/{{dataset}}/{LOOK}"),
        benchmark:
            benchmark_of(f"features/{{dataset}}/{LOOK}")
        wildcard_constraints:
            network=re.escape(network.name),
        conda:
            "../envs/networks.yaml"
        params:
            architecture=network.architecture,
            recipe=(
                network.recipe
                if network.is_trained
                else {"network_code": network.recipe["network_code"]}
            ),
            blocks=network.blocks,
            size=lambda wildcards: size_of_view(wildcards.view),
            calibration=calibration,
            background=config["features"]["background"],
            dtype=config["features"]["dtype"],
            precision=config["features"]["precision"],
            code=code_with_format("extract_features.py"),
        message:
            "Extract features of {wildcards.dataset} from {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}"
        script:
            "../workflow_scripts/extract_features.py"
