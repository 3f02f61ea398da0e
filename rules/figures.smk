# Draw the figures.
#
# Inputs: the tables. Outputs: figures/figure1.{png,svg,pdf}, alignment against epoch as in the paper's Figure 1.


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
