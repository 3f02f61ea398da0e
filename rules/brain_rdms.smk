# Compute a subject's RDM for one target from the responses, or take the one that was published.
#
# Inputs: the responses, and the list of stimuli for the names of conditions in messages; or, of data sets that are RDMs,
# their files. Output: brain_rdms/{dataset}/sub-{subject}/{target}/{distance}.npy, condensed.


rule brain_rdms:
    input:
        responses=results("responses/{dataset}/sub-{subject}/{target}.npy"),
        stimuli=ancient(results("stimuli/{dataset}.csv")),
    output:
        results("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}.npy"),
    log:
        log_of("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}"),
    benchmark:
        benchmark_of("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
        distance=one_of(DISTANCES.values()),
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("compute_brain_rdm.py"),
    message:
        "Compute the {wildcards.distance} RDM of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_brain_rdm.py"


rule published_rdms:
    input:
        brain_files,
    output:
        results("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}.npy"),
    log:
        log_of("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}"),
    benchmark:
        benchmark_of("brain_rdms/{dataset}/sub-{subject}/{target}/{distance}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RDMS),
        distance=one_of(DISTANCES.values()),
    conda:
        "../envs/analysis.yaml"
    params:
        dataset=lambda wildcards: DATASETS[wildcards.dataset].science,
        code=code_with_format("read_published_rdm.py"),
    message:
        "Read the RDM of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/read_published_rdm.py"
