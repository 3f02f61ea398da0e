# Draw the figures.
#
# Inputs: the tables.
# Outputs: figures/figure1.{png,svg,pdf}, alignment against epoch as in the paper's Figure 1, and
# figures/training.{png,svg,pdf}, loss and accuracy against epoch.


rule figure1:
    input:
        alignment=results("tables/alignment.csv"),
        noise_ceiling=results("tables/noise_ceiling.csv"),
    output:
        png=report(
            results("figures/figure1.png"),
            caption="../report/figure1.rst",
            category="Figures",
            labels={"figure": "Figure 1: alignment over training"},
        ),
        svg=results("figures/figure1.svg"),
        pdf=results("figures/figure1.pdf"),
    log:
        log_of("figures/figure1"),
    benchmark:
        benchmark_of("figures/figure1")
    conda:
        "../envs/analysis.yaml"
    params:
        datasets=list(DATASETS),
        blocks=BLOCKS,
        code=code_version("plot_figure1.py"),
    message:
        "Draw Figure 1"
    script:
        "../workflow_scripts/plot_figure1.py"


rule training_figure:
    input:
        results("tables/accuracy.csv"),
    output:
        png=report(
            results("figures/training.png"),
            caption="../report/training.rst",
            category="Figures",
            labels={"figure": "Loss and accuracy over training"},
        ),
        svg=results("figures/training.svg"),
        pdf=results("figures/training.pdf"),
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
