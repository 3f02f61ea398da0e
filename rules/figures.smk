# Draw the figures.
#
# Inputs: the tables.
# Outputs: figures/figure1_{network}.{png,svg,pdf}, alignment against epoch as in the paper's Figure 1;
# figures/networks.{png,svg,pdf}, which compares networks where there are several;
# figures/specification_{network}.{png,svg,pdf}, claims under every choice of analysis; and
# figures/training.{png,svg,pdf}, loss and accuracy against epoch.


include: "helpers/figures.smk"


rule figure1:
    input:
        trajectories=results("tables/trajectories.csv"),
        noise_ceiling=results("tables/noise_ceiling.csv"),
        controls=[results("tables/controls.csv")] if CONTROLS else [],
    output:
        figure(
            "figure1_{network}",
            "../report/figure1.rst",
            "Figure 1: alignment of {network} over training",
        ),
    log:
        log_of("figures/figure1_{network}"),
    benchmark:
        benchmark_of("figures/figure1_{network}")
    conda:
        "../envs/analysis.yaml"
    params:
        datasets=list(DATASETS),
        blocks=of_network(lambda network: network.blocks),
        code=code_version("plot_figure1.py"),
    message:
        "Draw Figure 1 of {wildcards.network}"
    script:
        "../workflow_scripts/plot_figure1.py"


rule networks_figure:
    input:
        trajectories=results("tables/trajectories.csv"),
        noise_ceiling=results("tables/noise_ceiling.csv"),
    output:
        figure("networks", "../report/networks.rst", "Networks compared"),
    log:
        log_of("figures/networks"),
    benchmark:
        benchmark_of("figures/networks")
    conda:
        "../envs/analysis.yaml"
    params:
        datasets=list(DATASETS),
        networks={name: network.blocks for name, network in NETWORKS.items()},
        code=code_version("plot_networks.py"),
    message:
        "Draw a comparison of networks"
    script:
        "../workflow_scripts/plot_networks.py"


rule specification_figure:
    input:
        results("tables/claims.csv"),
    output:
        figure(
            "specification_{network}",
            "../report/specification.rst",
            "Claims about {network} under other analyses",
        ),
    log:
        log_of("figures/specification_{network}"),
    benchmark:
        benchmark_of("figures/specification_{network}")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("plot_specification.py"),
    message:
        "Draw claims about {wildcards.network} under every choice of analysis"
    script:
        "../workflow_scripts/plot_specification.py"


rule training_figure:
    input:
        results("tables/accuracy.csv"),
    output:
        figure("training", "../report/training.rst", "Loss and accuracy over training"),
    log:
        log_of("figures/training"),
    benchmark:
        benchmark_of("figures/training")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("plot_training.py"),
    message:
        "Draw loss and accuracy over training"
    script:
        "../workflow_scripts/plot_training.py"


# Over times: the targets of a data set that are single ones, where there are enough.
rule clusters_table:
    input:
        results("tables/alignment.csv"),
    output:
        table("clusters", "times at which networks are aligned, by cluster permutation tests"),
    log:
        log_of("tables/clusters"),
    benchmark:
        benchmark_of("tables/clusters")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("tabulate_clusters.py"),
    message:
        "Find the times at which networks are aligned"
    script:
        "../workflow_scripts/tabulate_clusters.py"


rule time_courses_figure:
    input:
        alignment=results("tables/alignment.csv"),
        clusters=results("tables/clusters.csv"),
    output:
        figure(
            "time_courses_{what}_{dataset}_{network}",
            "../report/time_courses.rst",
            "Time course of {what}, {dataset}, {network}",
        ),
    log:
        log_of("figures/time_courses_{what}_{dataset}_{network}"),
    benchmark:
        benchmark_of("figures/time_courses_{what}_{dataset}_{network}")
    wildcard_constraints:
        what="alignment|encoding",
    conda:
        "../envs/analysis.yaml"
    params:
        blocks=of_network(lambda network: network.blocks),
        code=code_version("plot_time_courses.py"),
    message:
        "Draw the time course of {wildcards.what}, {wildcards.dataset}, {wildcards.network}"
    script:
        "../workflow_scripts/plot_time_courses.py"


rule cortex_figure:
    input:
        results("maps/{dataset}/{network}/{target}.csv"),
    output:
        figure(
            "cortex_{dataset}_{target}_{network}_{view}",
            "../report/cortex.rst",
            "Encoding on the cortex: {dataset}, {target}, {network}, {view}",
        ),
    log:
        log_of("figures/cortex_{dataset}_{target}_{network}_{view}"),
    benchmark:
        benchmark_of("figures/cortex_{dataset}_{target}_{network}_{view}")
    conda:
        "../envs/analysis.yaml"
    params:
        blocks=of_network(lambda network: network.blocks),
        code=code_version("plot_cortex.py"),
    message:
        "Draw encoding models of {wildcards.target} on the cortex, {wildcards.network}, {wildcards.view}"
    script:
        "../workflow_scripts/plot_cortex.py"


rule scalp_figure:
    input:
        lambda wildcards: [
            results(f"maps/{wildcards.dataset}/{wildcards.network}/{target}.csv")
            for target in DATASETS[wildcards.dataset].targets
        ],
    output:
        figure(
            "scalp_{dataset}_{network}_{view}",
            "../report/scalp.rst",
            "Encoding on the scalp: {dataset}, {network}, {view}",
        ),
    log:
        log_of("figures/scalp_{dataset}_{network}_{view}"),
    benchmark:
        benchmark_of("figures/scalp_{dataset}_{network}_{view}")
    conda:
        "../envs/analysis.yaml"
    params:
        blocks=of_network(lambda network: network.blocks),
        code=code_version("plot_scalp.py"),
    message:
        "Draw encoding models on the scalp, {wildcards.network}, {wildcards.view}"
    script:
        "../workflow_scripts/plot_scalp.py"


PICTURES_OF_TIMES_AND_PLACES = [
    *expand_all(rules.time_courses_figure.output, time_courses()),
    *expand_all(rules.scalp_figure.output, places("scalp")),
    *expand_all(rules.cortex_figure.output, places("fsaverage")),
]
