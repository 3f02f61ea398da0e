# Read a subject's responses for one target, a region or a time.
#
# Inputs: the subject's files of the data set. Output: responses/{dataset}/sub-{subject}/{target}.npy, conditions ×
# units; or repetitions × conditions × units if the distance between brain patterns needs repetitions.


rule responses:
    input:
        brain_files,
    output:
        results("responses/{dataset}/sub-{subject}/{target}.npy"),
    log:
        log_of("responses/{dataset}/sub-{subject}/{target}"),
    benchmark:
        benchmark_of("responses/{dataset}/sub-{subject}/{target}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
    conda:
        "../envs/analysis.yaml"
    params:
        dataset=lambda wildcards: DATASETS[wildcards.dataset].science,
        regions=lambda wildcards: DATASETS[wildcards.dataset].regions_of(wildcards.target),
        repeated=any(of in NEEDS_REPETITIONS for of in DISTANCES.values()),
        code=code_with_format("read_responses.py"),
    message:
        "Read the responses of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/read_responses.py"
