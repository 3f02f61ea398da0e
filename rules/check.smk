# Look over all data before anything expensive starts: names, shapes, regions, times, images that decode, classes of
# labelled images, free disk.
#
# `snakemake check` does it whenever it is asked for. Training and extraction wait for checked_data, which does the same
# once per choice of data sets and subjects; they depend on it as on something old, so that checking again never trains
# again. Neither has the data as inputs: a missing file is for the check to name, with the others.
#
# Output: checked_data.txt, what was found; `check` writes its log alone.


rule check:
    input:
        simulated_data,
        ORIGINAL_IMAGES,
    log:
        log_of("check"),
    conda:
        "../envs/networks.yaml"
    threads: 8
    message:
        "Look over the data"
    script:
        "../workflow_scripts/check_data.py"


rule checked_data:
    input:
        simulated_data,
        ORIGINAL_IMAGES,
    output:
        results("checked_data.txt"),
    log:
        log_of("checked_data"),
    conda:
        "../envs/networks.yaml"
    threads: 8
    params:
        datasets={name: settings["format"] for name, settings in config["datasets"].items()},
        subjects={name: dataset.subjects for name, dataset in DATASETS.items()},
    message:
        "Look over the data before anything else starts"
    script:
        "../workflow_scripts/check_data.py"
