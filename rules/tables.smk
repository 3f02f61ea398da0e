# Gather the experiment's numbers into tidy tables, one observation a row.
#
# Inputs: all alignments and brain RDMs, and the accuracies of all epochs, analysed or not, which publishes each
# epoch's checkpoint too. Of checkpoints from elsewhere, those of the analysed epochs, if there are images to measure
# them on; else the table says that there are none.
# Outputs: tables/alignment.csv, accuracy.csv, noise_ceiling.csv, peaks.csv


rule tables:
    input:
        alignment=experiment_files(
            results("alignment/{dataset}/seed-{seed}/epoch-{epoch}/{block}/{target}.csv")
        ),
        accuracy=(
            expand(
                results("accuracy/seed-{seed}/epoch-{epoch}.json"),
                seed=SEEDS,
                epoch=[f"{epoch:03d}" for epoch in EPOCHS_WITH_CHECKPOINT],
            )
            if IS_EVALUATED
            else []
        ),
        brain_rdms=[file for target in TARGETS for file in brain_rdm_files(*target)],
    output:
        alignment=report(
            results("tables/alignment.csv"),
            caption="../report/alignment.rst",
            category="Tables",
            labels={"table": "alignment of every subject, seed, epoch, block and target"},
        ),
        accuracy=report(
            results("tables/accuracy.csv"),
            caption="../report/accuracy.rst",
            category="Tables",
            labels={"table": "loss and accuracy of every seed and epoch"},
        ),
        noise_ceiling=report(
            results("tables/noise_ceiling.csv"),
            caption="../report/noise_ceiling.rst",
            category="Tables",
            labels={"table": "noise ceiling of every target"},
        ),
        peaks=report(
            results("tables/peaks.csv"),
            caption="../report/peaks.rst",
            category="Tables",
            labels={"table": "epoch of highest alignment"},
        ),
    log:
        log_of("tables"),
    benchmark:
        benchmark_of("tables")
    conda:
        "../envs/analysis.yaml"
    params:
        targets=TARGETS,
        subjects=[DATASETS[dataset].subjects_of(target) for dataset, target in TARGETS],
        simulated=SIMULATION is not None,
        not_evaluated=[] if IS_EVALUATED else list(product(SEEDS, EPOCHS_WITH_CHECKPOINT)),
        code=code_version("gather_tables.py"),
    message:
        "Gather the tables"
    script:
        "../workflow_scripts/gather_tables.py"
