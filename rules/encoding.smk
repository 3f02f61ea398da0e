# Predict each unit's responses from a block's inner products, and gather the scores: if the config has `encoding`.
#
# Inputs: a block's geometry, a subject's responses for a target and the data that they are read from, and the list of
# stimuli, which says what images show one concept. Data sets that are RDMs have no responses, and no part in it.
# Outputs:
#   units/{dataset}/sub-{subject}/{target}.csv     where the units are, and how much of their variance is no noise
#   encoding/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/smoothers.npz
#                                                  what all predictions from a block have in common; it is temporary
#   encoding/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/sub-{subject}/{target}.npz
#                                                  scores of each unit
#   encoding/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{target}.csv
#                                                  their medians and means: rows among the alignments
#   statistics/gathered/{dataset}/{network}/none.npz  these rows in resamples of the stimuli; there is no distance in them
#   tables/encoding.csv                            a row per subject
#   maps/{dataset}/{network}/{target}.csv          best block, peak epoch and half-time of each unit
#
# A rule per network, smoothers_{network}, and per network and data set, encoding_{network}_{dataset}, since their files
# are of its blocks and subjects; profiles say what all need of a machine under the names `smoothers` and `encoding`.


include: "helpers/encoding.smk"


rule units:
    input:
        brain_files,
        unit_files,
    output:
        results("units/{dataset}/sub-{subject}/{target}.csv"),
    log:
        log_of("units/{dataset}/sub-{subject}/{target}"),
    benchmark:
        benchmark_of("units/{dataset}/sub-{subject}/{target}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
    conda:
        "../envs/analysis.yaml"
    params:
        dataset=lambda wildcards: DATASETS[wildcards.dataset].science,
        regions=lambda wildcards: DATASETS[wildcards.dataset].regions_of(wildcards.target),
        repeated=any(of in NEEDS_REPETITIONS for of in DISTANCES.values()),
        code=code_with_format("describe_units.py"),
    message:
        "Describe the units of {wildcards.target} in subject {wildcards.subject}, {wildcards.dataset}"
    script:
        "../workflow_scripts/describe_units.py"


for network in NETWORKS.values():

    rule:
        name:
            f"smoothers_{network.name}"
        input:
            geometry=[
                results(f"geometry/{{dataset}}/{LOOK}/{block}.npz") for block in network.blocks
            ],
            stimuli=ancient(results("stimuli/{dataset}.csv")),
        output:
            [temp(smoothers_file(block)) for block in network.blocks],
        log:
            log_of(f"smoothers/{{dataset}}/{LOOK}"),
        benchmark:
            benchmark_of(f"smoothers/{{dataset}}/{LOOK}")
        wildcard_constraints:
            network=re.escape(network.name),
            dataset=one_of(DATASETS_OF_RESPONSES),
        group:
            group_of("smoothers")
        conda:
            "../envs/analysis.yaml"
        params:
            settings=lambda wildcards: settings_of_encoding(wildcards.dataset),
            code=code_version("prepare_encoding.py"),
        message:
            "Prepare predictions from {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, {wildcards.dataset}"
        script:
            "../workflow_scripts/prepare_encoding.py"


for network, name in product(NETWORKS.values(), DATASETS_OF_RESPONSES):

    rule:
        name:
            f"encoding_{network.name}_{name}"
        input:
            # Smoothers are made anew whenever a target is added, which changes no others: what they are made from decides.
            geometry=[results(f"geometry/{name}/{LOOK}/{block}.npz") for block in network.blocks],
            smoothers=[ancient(smoothers_file(block, name)) for block in network.blocks],
            responses=[
                results(f"responses/{name}/sub-{subject}/{{target}}.npy")
                for subject in DATASETS[name].subjects
            ],
            units=[
                results(f"units/{name}/sub-{subject}/{{target}}.csv")
                for subject in DATASETS[name].subjects
            ],
        output:
            units=[
                results(f"encoding/{name}/{LOOK}/{block}/sub-{subject}/{{target}}.npz")
                for block, subject in product(network.blocks, DATASETS[name].subjects)
            ],
            alignment=results(f"encoding/{name}/{LOOK}/{{target}}.csv"),
        log:
            log_of(f"encoding/{name}/{LOOK}/{{target}}"),
        benchmark:
            benchmark_of(f"encoding/{name}/{LOOK}/{{target}}")
        wildcard_constraints:
            network=re.escape(network.name),
        group:
            group_of("encoding", dataset=name)
        conda:
            "../envs/analysis.yaml"
        params:
            dataset=name,
            blocks=network.blocks,
            subjects=DATASETS[name].subjects,
            settings=settings_of_encoding(name),
            draws=config["statistics"]["draws"],
            code=[code_version("prepare_encoding.py"), code_version("fit_encoding.py")],
        message:
            f"Encode {{wildcards.target}} by {{wildcards.network}}, seed {{wildcards.seed}}, epoch {{wildcards.epoch}}, {name}"
        script:
            "../workflow_scripts/fit_encoding.py"


rule gathered_encoding:
    input:
        lambda wildcards: encoding_files(NETWORKS[wildcards.network], datasets=[wildcards.dataset]),
    output:
        results("statistics/gathered/{dataset}/{network}/none.npz"),
    log:
        log_of("statistics/gathered/{dataset}/{network}/none"),
    benchmark:
        benchmark_of("statistics/gathered/{dataset}/{network}/none")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("gather_encoding_resamples.py"),
    message:
        "Gather the resampled scores of {wildcards.network} with {wildcards.dataset}"
    script:
        "../workflow_scripts/gather_encoding_resamples.py"


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


rule unit_maps:
    input:
        encodings=lambda wildcards: encoding_files(
            NETWORKS[wildcards.network], datasets=[wildcards.dataset], targets=[wildcards.target]
        ),
        accuracies=ACCURACIES_IN_PARTS,
    output:
        results("maps/{dataset}/{network}/{target}.csv"),
    log:
        log_of("maps/{dataset}/{network}/{target}"),
    benchmark:
        benchmark_of("maps/{dataset}/{network}/{target}")
    wildcard_constraints:
        dataset=one_of(DATASETS_OF_RESPONSES),
    conda:
        "../envs/analysis.yaml"
    params:
        blocks=of_network(lambda network: network.blocks),
        data=DATA,
        in_parts=IN_PARTS,
        code=code_version("map_units.py"),
    message:
        "Map {wildcards.target} by {wildcards.network}, {wildcards.dataset}"
    script:
        "../workflow_scripts/map_units.py"
