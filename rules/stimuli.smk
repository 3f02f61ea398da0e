# List a data set's images.
#
# Inputs: the image files. Output: stimuli/{dataset}.csv, a row per image with a digest of its pixels, so that only a
# changed image makes features stale.


def stimulus_files(wildcards):
    dataset = DATASETS[wildcards.dataset]
    if SIMULATION is not None:
        return [str(path) for path in SIMULATION.stimulus_files(dataset.settings["format"])]
    return [str(path) for path in dataset.stimulus_files()]


rule stimuli:
    input:
        stimulus_files,
    output:
        results("stimuli/{dataset}.csv"),
    log:
        log_of("stimuli/{dataset}"),
    benchmark:
        benchmark_of("stimuli/{dataset}")
    params:
        dataset=lambda wildcards: science(wildcards.dataset),
        code=code_version("list_stimuli.py"),
    conda:
        "../envs/analysis.yaml"
    message:
        "List the stimuli of {wildcards.dataset}"
    script:
        "../workflow_scripts/list_stimuli.py"
