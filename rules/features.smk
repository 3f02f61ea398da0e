# Pass a data set's images through one checkpoint and keep what every block puts out.
#
# Inputs: a checkpoint and the list of stimuli.
# Outputs: features/{dataset}/seed-{seed}/epoch-{epoch}/{block}.zarr.zip for all blocks, conditions × features.


rule features:
    input:
        checkpoint=results("checkpoints/seed-{seed}/epoch-{epoch}.pt"),
        stimuli=results("stimuli/{dataset}.csv"),
        checked=ancient(results("checked_data.txt")),
    output:
        [features_file(block) for block in BLOCKS],
    log:
        log_of("features/{dataset}/seed-{seed}/epoch-{epoch}"),
    benchmark:
        benchmark_of("features/{dataset}/seed-{seed}/epoch-{epoch}")
    conda:
        "../envs/networks.yaml"
    params:
        architecture=config["network"]["architecture"],
        recipe=RECIPE if IS_TRAINED else {},
        blocks=BLOCKS,
        size=config["features"]["image_size"],
        background=config["features"]["background"],
        dtype=config["features"]["dtype"],
        precision=config["features"]["precision"],
        code=code_with_format("extract_features.py"),
    message:
        "Extract features of {wildcards.dataset} from seed {wildcards.seed}, epoch {wildcards.epoch}"
    script:
        "../workflow_scripts/extract_features.py"
