# Compute a subject's RDM for one target, a region or a time.
#
# Inputs: the subject's files of the data set. Output: brain_rdms/{dataset}/sub-{subject}/{target}.npy, condensed.


def brain_files(wildcards):
    dataset = DATASETS[wildcards.dataset]
    return [str(path) for path in dataset.brain_files(wildcards.subject, wildcards.target)]


def brain_science(wildcards):
    """The data set's settings without the lists of targets and of subjects, where those decide nothing."""
    settings = science(wildcards.dataset)
    return {key: settings[key] for key in settings if key != "targets"}


rule brain_rdms:
    input:
        brain_files,
    output:
        results("brain_rdms/{dataset}/sub-{subject}/{target}.npy"),
    log:
        log_of("brain_rdms/{dataset}/sub-{subject}/{target}"),
    benchmark:
        benchmark_of("brain_rdms/{dataset}/sub-{subject}/{target}")
    params:
        dataset=brain_science,
        rdm=config["rdm"],
        code=code_version("compute_brain_rdm.py"),
    conda:
        "../envs/analysis.yaml"
    message:
        "Compute the RDM of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_brain_rdm.py"
