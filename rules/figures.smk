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
