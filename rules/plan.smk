# Say what the experiment costs before it is run: jobs, GPU hours, core hours and disk, with the profile's cores and GPUs.
#
# Inputs: none that are tracked; it looks at what is there, and where data are not there yet, published sizes stand in.
# Output: the table, printed and in the log.


# Its table is to be read by whoever asks for it, so it is made where Snakemake runs, and not by a job of a cluster's.
localrules:
    plan,


rule plan:
    input:
        simulated_data,
    log:
        log_of("plan"),
    conda:
        "../envs/analysis.yaml"
    params:
        cores=cores_by_rule(),
        gpus=gpus_by_rule(),
    message:
        "Reckon what the experiment costs"
    script:
        "../workflow_scripts/plan_experiment.py"
