# Predict each unit's responses from a block's inner products, and gather the scores: if the config has `encoding`.
#
# Inputs: a block's geometry, a subject's responses for a target, and the list of stimuli, which says what images show one
# concept. Outputs: encoding/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/sub-{subject}/{target}.npz, and
# tables/encoding.csv, a row per subject. Data sets that are RDMs have no responses, and no part in it.

ENCODING = config.get("encoding", {})


def encoding_files(network):
    """All of a network's encoding models."""
    return [
        file.format(subject=subject)
        for dataset, target in TARGETS
        if dataset in DATASETS_OF_RESPONSES
        for (seed, epoch, view), block in product(network.looks, network.blocks)
        for file in [
            results(
                f"encoding/{dataset}/{network.name}/seed-{seed}/epoch-{epoch}/{view}/{block}/sub-{{subject}}/{target}.npz"
            )
        ]
        for subject in DATASETS[dataset].subjects_of(target)
    ]


rule encoding:
    input:
        geometry=results(f"geometry/{{dataset}}/{LOOK}/{{block}}.npz"),
        responses=results("responses/{dataset}/sub-{subject}/{target}.npy"),
        stimuli=ancient(results("stimuli/{dataset}.csv")),
    output:
        results(f"encoding/{{dataset}}/{LOOK}/{{block}}/sub-{{subject}}/{{target}}.npz"),
    log:
        log_of(f"encoding/{{dataset}}/{LOOK}/{{block}}/sub-{{subject}}/{{target}}"),
    benchmark:
        benchmark_of(f"encoding/{{dataset}}/{LOOK}/{{block}}/sub-{{subject}}/{{target}}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
    conda:
        "../envs/analysis.yaml"
    params:
        folds=ENCODING.get("folds"),
        alphas=ENCODING.get("alphas"),
        seed=ENCODING.get("seed"),
        by_concept=lambda wildcards: DATASETS[wildcards.dataset].images_share_concepts,
        code=code_version("fit_encoding.py"),
    message:
        "Encode {wildcards.target} of subject {wildcards.subject} by {wildcards.block} of {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}"
    script:
        "../workflow_scripts/fit_encoding.py"


rule encoding_table:
    input:
        encodings=[file for network in NETWORKS.values() for file in encoding_files(network)],
        accuracies=ACCURACIES_IN_PARTS,
    output:
        table("encoding", "how well blocks predict single units, medians and means"),
    log:
        log_of("tables/encoding"),
    benchmark:
        benchmark_of("tables/encoding")
    conda:
        "../envs/analysis.yaml"
    params:
        data=DATA,
        in_parts=IN_PARTS,
        code=code_version("gather_encoding.py"),
    message:
        "Gather the encoding models"
    script:
        "../workflow_scripts/gather_encoding.py"
