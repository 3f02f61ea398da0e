# List a data set's images.
#
# Inputs: the image files. Output: stimuli/{dataset}.csv, a row per image with a digest of its pixels, so that only a
# changed image makes features stale.


rule stimuli:
    input:
        stimulus_files,
    output:
        results("stimuli/{dataset}.csv"),
    log:
        log_of("stimuli/{dataset}"),
    benchmark:
        benchmark_of("stimuli/{dataset}")
    conda:
        "../envs/analysis.yaml"
    params:
        background=config["features"]["background"],
        dataset=lambda wildcards: DATASETS[wildcards.dataset].science_of_stimuli,
        code=code_with_format("list_stimuli.py"),
    message:
        "List the stimuli of {wildcards.dataset}"
    script:
        "../workflow_scripts/list_stimuli.py"
