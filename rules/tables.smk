# Gather the experiment's numbers into tidy tables, one observation a row, each from what it is of alone.
#
# Outputs and their inputs:
#   tables/alignment.csv      all alignments
#   tables/accuracy.csv       the accuracies of all epochs, analysed or not, which publishes each epoch's checkpoint too.
#                             Of checkpoints from elsewhere, those of the analysed epochs, if there are images to measure
#                             them on; else the table says that there are none
#   tables/noise_ceiling.csv  all brain RDMs, what resamples of each data set have in common, and the labels of conditions
#                             where these choose pairs
#   tables/controls.csv       the same, the RDMs of controls, and tables/noise_ceiling.csv; made if alignment.controls
#                             names any
#   tables/peaks.csv          tables/alignment.csv


include: "helpers/tables.smk"


DATA = "measured" if SIMULATION is None else "simulated"
# Networks that are analysed within an epoch, of which an accuracy says how many steps an epoch has.
IN_PARTS = [n.name for n in NETWORKS.values() if any("+" in epoch for epoch in n.epochs)]
ACCURACIES_IN_PARTS = [
    ACCURACY.format(network=name, seed=NETWORKS[name].seeds[0], epoch="000") for name in IN_PARTS
]
# (network, seed, epoch) of all checkpoints whose accuracy is measured.
EVALUATED = [
    (network.name, seed, epoch)
    for network in NETWORKS.values()
    if network.is_evaluated
    for seed, epoch in product(network.seeds, network.epochs_with_checkpoint)
]


rule alignment_table:
    input:
        alignments=[
            file
            for network in NETWORKS.values()
            for file in experiment_files(
                results(f"alignment/{{dataset}}/{LOOK}/{{block}}/{{target}}.csv"), network
            )
            + encoding_alignments(network)
        ],
        accuracies=ACCURACIES_IN_PARTS,
    output:
        table(
            "alignment", "alignment of every subject, network, seed, epoch, view, block and target"
        ),
    log:
        log_of("tables/alignment"),
    benchmark:
        benchmark_of("tables/alignment")
    conda:
        "../envs/analysis.yaml"
    params:
        data=DATA,
        in_parts=IN_PARTS,
        code=code_version("gather_alignment.py"),
    message:
        "Gather the alignments"
    script:
        "../workflow_scripts/gather_alignment.py"


rule accuracy_table:
    input:
        [ACCURACY.format(network=n, seed=seed, epoch=epoch) for n, seed, epoch in EVALUATED],
    output:
        table("accuracy", "loss and accuracy of every network, seed and epoch"),
    log:
        log_of("tables/accuracy"),
    benchmark:
        benchmark_of("tables/accuracy")
    conda:
        "../envs/analysis.yaml"
    params:
        data=DATA,
        networks=[network for network, *_ in EVALUATED],
        not_evaluated=[
            (network.name, seed, epoch)
            for network in NETWORKS.values()
            if not network.is_evaluated
            for seed, epoch in product(network.seeds, network.epochs)
        ],
        code=code_version("gather_accuracy.py"),
    message:
        "Gather the accuracies"
    script:
        "../workflow_scripts/gather_accuracy.py"


rule noise_ceiling_table:
    input:
        brain_rdms=[file for target in TARGETS for file in brain_rdm_files(*target)],
        stimuli=[file for dataset in DATASETS for file in files_of_labels(dataset)],
        resamples=brain_resamples_files(),
    output:
        table("noise_ceiling", "noise ceiling of every target"),
    log:
        log_of("tables/noise_ceiling"),
    benchmark:
        benchmark_of("tables/noise_ceiling")
    conda:
        "../envs/analysis.yaml"
    params:
        targets=TARGETS,
        subjects=[DATASETS[dataset].subjects_of(target) for dataset, target in TARGETS],
        distances=list(DISTANCES),
        measures=config["alignment"]["measures"],
        pairs=config["alignment"]["pairs"],
        averaging=config["alignment"]["averaging"],
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("compute_noise_ceilings.py"),
    message:
        "Compute the noise ceilings"
    script:
        "../workflow_scripts/compute_noise_ceilings.py"


rule controls_table:
    input:
        controls=[file for dataset in DATASETS for file in control_rdm_files(dataset)],
        brain_rdms=[file for target in TARGETS for file in brain_rdm_files(*target)],
        stimuli=[file for dataset in DATASETS for file in files_of_labels(dataset)],
        resamples=brain_resamples_files(),
        noise_ceiling=results("tables/noise_ceiling.csv"),
    output:
        table("controls", "alignment of what is cheap in the images"),
    log:
        log_of("tables/controls"),
    benchmark:
        benchmark_of("tables/controls")
    conda:
        "../envs/analysis.yaml"
    params:
        targets=TARGETS,
        subjects=[DATASETS[dataset].subjects_of(target) for dataset, target in TARGETS],
        distances=list(DISTANCES),
        controls=CONTROLS,
        measures=config["alignment"]["measures"],
        pairs=config["alignment"]["pairs"],
        averaging=config["alignment"]["averaging"],
        over=config["statistics"]["generalise_over"],
        data=DATA,
        code=code_version("align_controls.py"),
    message:
        "Align controls"
    script:
        "../workflow_scripts/align_controls.py"


rule peaks_table:
    input:
        results("tables/alignment.csv"),
    output:
        table("peaks", "epoch of highest alignment"),
    log:
        log_of("tables/peaks"),
    benchmark:
        benchmark_of("tables/peaks")
    conda:
        "../envs/analysis.yaml"
    params:
        code=code_version("find_peaks.py"),
    message:
        "Find the epochs of highest alignment"
    script:
        "../workflow_scripts/find_peaks.py"
