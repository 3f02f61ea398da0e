# Compare one block's RDM at one epoch with every subject's RDM of one target.
#
# Inputs: by each distance, the model RDM, the subjects' brain RDMs and the RDMs of controls; the labels of conditions
# where these choose pairs. Output: alignment/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/{target}.csv, a
# row per distance, scheme, subject, measure, choice of pairs and control.


rule alignment:
    input:
        models=[
            results(f"model_rdms/{{dataset}}/{LOOK}/{{block}}/{distance}.npy")
            for distance in DISTANCES
        ],
        brain=lambda wildcards: brain_rdm_files(wildcards.dataset, wildcards.target),
        controls=lambda wildcards: control_rdm_files(wildcards.dataset),
        stimuli=lambda wildcards: files_of_labels(wildcards.dataset),
    output:
        results(f"alignment/{{dataset}}/{LOOK}/{{block}}/{{target}}.csv"),
    log:
        log_of(f"alignment/{{dataset}}/{LOOK}/{{block}}/{{target}}"),
    benchmark:
        benchmark_of(f"alignment/{{dataset}}/{LOOK}/{{block}}/{{target}}")
    conda:
        "../envs/analysis.yaml"
    params:
        distances=list(DISTANCES),
        measures=config["alignment"]["measures"],
        pairs=config["alignment"]["pairs"],
        controls=CONTROLS,
        averaging=config["alignment"]["averaging"],
        subjects=lambda wildcards: DATASETS[wildcards.dataset].subjects_of(wildcards.target),
        code=code_version("align.py"),
    message:
        "Align {wildcards.block} of {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, with {wildcards.target}"
    script:
        "../workflow_scripts/align.py"
