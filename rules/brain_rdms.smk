# Compute a subject's RDM for one target, a region or a time.
#
# Inputs: the subject's files of the data set. Output: brain_rdms/{dataset}/sub-{subject}/{target}.npy, condensed.


rule brain_rdms:
    input:
        brain_files,
    output:
        results("brain_rdms/{dataset}/sub-{subject}/{target}.npy"),
    log:
        log_of("brain_rdms/{dataset}/sub-{subject}/{target}"),
    benchmark:
        benchmark_of("brain_rdms/{dataset}/sub-{subject}/{target}")
    conda:
        "../envs/analysis.yaml"
    params:
        dataset=lambda wildcards: DATASETS[wildcards.dataset].science,
        regions=lambda wildcards: DATASETS[wildcards.dataset].regions_of(wildcards.target),
        distance=config["rdm"]["brain_distance"] or config["rdm"]["distance"],
        code=code_with_format("compute_brain_rdm.py"),
    message:
        "Compute the RDM of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_brain_rdm.py"
