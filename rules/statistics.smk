# What alignment over training lets one say: resamples of the stimuli per model RDM, and the tables made from these.
#
# Inputs: model RDMs, brain RDMs, and the labels of conditions where these choose pairs; accuracies, the noise ceiling.
# Outputs:
#   statistics/resamples/{dataset}/brains/{distance}.npz  what comparisons with a data set's brains have in common, the draws too
#   statistics/resamples/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/{distance}.npz
#                                              a model RDM's alignment with all subjects and targets in each resample
#   statistics/gathered/{dataset}/{network}/{distance}.npz  those of a network, which all tables are made from
#   tables/trajectories.csv                    mean alignment at each epoch, with its interval
#   tables/timing.csv                          when it peaks, when half of it is there
#   tables/peak_distribution.csv               how resampling moves the peak
#   tables/order.csv                           which of two targets is earlier
#   tables/hierarchy.csv                       whether late blocks go with late targets
#   tables/accuracy_alignment.csv              whether alignment changes with accuracy
#   tables/claims.csv                          what the data say of each claim, under each choice of analysis
#   tables/claims.rst                          the same in words, with which the report opens
#   tables/survival.csv                        under how many of these choices each claim holds


include: "helpers/statistics.smk"


rule resampled_brains:
    input:
        brain=lambda wildcards: brain_rdms_of(wildcards).values(),
        controls=lambda wildcards: control_rdm_files(wildcards.dataset, [wildcards.distance]),
        stimuli=lambda wildcards: files_of_labels(wildcards.dataset),
    output:
        results("statistics/resamples/{dataset}/brains/{distance}.npz"),
    log:
        log_of("statistics/resamples/{dataset}/brains/{distance}"),
    benchmark:
        benchmark_of("statistics/resamples/{dataset}/brains/{distance}")
    conda:
        "../envs/analysis.yaml"
    params:
        columns=lambda wildcards: list(brain_rdms_of(wildcards)),
        controls=CONTROLS,
        kinds=[tuple(kind) for kind in RESAMPLED],
        draws=config["statistics"]["draws"],
        code=code_version("resample_brains.py"),
    message:
        "Resample the stimuli of {wildcards.dataset}"
    script:
        "../workflow_scripts/resample_brains.py"


rule resampled_alignment:
    input:
        model=results(f"model_rdms/{{dataset}}/{LOOK}/{{block}}/{{distance}}.npy"),
        brains=results("statistics/resamples/{dataset}/brains/{distance}.npz"),
    output:
        results(RESAMPLES),
    log:
        log_of(RESAMPLES.removesuffix(".npz")),
    benchmark:
        benchmark_of(RESAMPLES.removesuffix(".npz"))
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("resample_alignment.py"),
    message:
        "Align {wildcards.block} of {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, with {wildcards.dataset} in resamples"
    script:
        "../workflow_scripts/resample_alignment.py"


rule gathered_resamples:
    input:
        brains=results("statistics/resamples/{dataset}/brains/{distance}.npz"),
        resamples=resamples_of,
    output:
        results("statistics/gathered/{dataset}/{network}/{distance}.npz"),
    log:
        log_of("statistics/gathered/{dataset}/{network}/{distance}"),
    benchmark:
        benchmark_of("statistics/gathered/{dataset}/{network}/{distance}")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("gather_resamples.py"),
    message:
        "Gather the resamples of {wildcards.network} with {wildcards.dataset}"
    script:
        "../workflow_scripts/gather_resamples.py"


# What the tables have in common: the resamples of all networks, and an accuracy of each network that is analysed within
# an epoch, which says how many steps an epoch has.
CURVES = {
    "resamples": [
        results(f"statistics/gathered/{dataset}/{network}/{distance}.npz")
        for network, dataset in product(NETWORKS, DATASETS)
        for distance in [
            *(DISTANCES if RESAMPLED else []),
            *(["none"] if dataset in ENCODED else []),
        ]
    ],
    "accuracies": ACCURACIES_IN_PARTS,
}


rule trajectories_table:
    input:
        **CURVES,
        alignment=results("tables/alignment.csv"),
        noise_ceiling=results("tables/noise_ceiling.csv"),
    output:
        table("trajectories", "mean alignment at each epoch, with intervals"),
    log:
        log_of("tables/trajectories"),
    benchmark:
        benchmark_of("tables/trajectories")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_trajectories.py"),
    message:
        "Estimate alignment over training, with intervals"
    script:
        "../workflow_scripts/tabulate_trajectories.py"


rule timing_table:
    input:
        **CURVES,
    output:
        table("timing", "peaks and half-times of alignment, with intervals"),
    log:
        log_of("tables/timing"),
    benchmark:
        benchmark_of("tables/timing")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_timing.py"),
    message:
        "Estimate when alignment peaks and when half of it is there"
    script:
        "../workflow_scripts/tabulate_timing.py"


rule peak_distribution_table:
    input:
        **CURVES,
    output:
        table("peak_distribution", "how resampling moves the peak"),
    log:
        log_of("tables/peak_distribution"),
    benchmark:
        benchmark_of("tables/peak_distribution")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_peak_distribution.py"),
    message:
        "Find where resamples peak"
    script:
        "../workflow_scripts/tabulate_peak_distribution.py"


rule order_table:
    input:
        **CURVES,
    output:
        table("order", "which targets a network aligns with earlier"),
    log:
        log_of("tables/order"),
    benchmark:
        benchmark_of("tables/order")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_order.py"),
    message:
        "Order targets by half-time"
    script:
        "../workflow_scripts/tabulate_order.py"


rule hierarchy_table:
    input:
        **CURVES,
    output:
        table("hierarchy", "whether late blocks go with late targets"),
    log:
        log_of("tables/hierarchy"),
    benchmark:
        benchmark_of("tables/hierarchy")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_hierarchy.py"),
    message:
        "Compare the order of blocks with that of targets"
    script:
        "../workflow_scripts/tabulate_hierarchy.py"


rule accuracy_alignment_table:
    input:
        **CURVES,
        accuracy=results("tables/accuracy.csv"),
    output:
        table("accuracy_alignment", "whether alignment changes with accuracy"),
    log:
        log_of("tables/accuracy_alignment"),
    benchmark:
        benchmark_of("tables/accuracy_alignment")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("tabulate_accuracy_alignment.py"),
    message:
        "Relate alignment to accuracy"
    script:
        "../workflow_scripts/tabulate_accuracy_alignment.py"


rule claims_table:
    input:
        **CURVES,
        accuracy=results("tables/accuracy.csv"),
    output:
        table("claims", "what the data say of each claim"),
    log:
        log_of("tables/claims"),
    benchmark:
        benchmark_of("tables/claims")
    conda:
        "../envs/analysis.yaml"
    params:
        in_parts=IN_PARTS,
        over=config["statistics"]["generalise_over"],
        blocks={name: network.blocks for name, network in NETWORKS.items()},
        claims=claims_to_evaluate,
        data=DATA,
        code=code_version("evaluate_claims.py"),
    message:
        "Evaluate the claims"
    script:
        "../workflow_scripts/evaluate_claims.py"


rule claims_in_words:
    input:
        [results("tables/claims.csv")] if HAS_CURVES else [],
    output:
        results("tables/claims.rst"),
    log:
        log_of("tables/claims_in_words"),
    benchmark:
        benchmark_of("tables/claims_in_words")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("word_claims.py"),
    message:
        "Write in words what the data say of the claims"
    script:
        "../workflow_scripts/word_claims.py"


rule survival_table:
    input:
        results("tables/claims.csv"),
    output:
        table("survival", "under how many choices of analysis each claim holds"),
    log:
        log_of("tables/survival"),
    benchmark:
        benchmark_of("tables/survival")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("count_survival.py"),
    message:
        "Count under how many choices of analysis each claim holds"
    script:
        "../workflow_scripts/count_survival.py"


TABLES_OF_RESAMPLES = [
    rules.timing_table.output,
    rules.peak_distribution_table.output,
    rules.order_table.output,
    rules.hierarchy_table.output,
    rules.accuracy_alignment_table.output,
    rules.claims_table.output,
    rules.survival_table.output,
]
