# Give the untrained network batch norm statistics of training images, where features.untrained_batchnorm asks for them.
#
# Inputs: the untrained network's checkpoint and the labelled images. Output: the same, as epoch-000-calibrated.pt.


rule calibrate_batchnorm:
    input:
        checkpoint=results("checkpoints/seed-{seed}/epoch-000.pt"),
        images=images_that_are_known(),
    output:
        results("checkpoints/seed-{seed}/epoch-000-calibrated.pt"),
    log:
        log_of("checkpoints/seed-{seed}/epoch-000-calibrated"),
    benchmark:
        benchmark_of("checkpoints/seed-{seed}/epoch-000-calibrated")
    conda:
        "../envs/networks.yaml"
    params:
        architecture=config["network"]["architecture"],
        recipe=RECIPE if IS_TRAINED else {},
        n_images=config["features"]["calibration_images"],
        image_size=config["features"]["image_size"],
        background=config["training"]["background"],
        code=code_version("calibrate_batchnorm.py"),
    message:
        "Calibrate batch norm of the untrained network of seed {wildcards.seed}"
    script:
        "../workflow_scripts/calibrate_batchnorm.py"
