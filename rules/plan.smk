# Say what the experiment costs before it is run: jobs, GPU hours, core hours and disk, with the profile's cores and GPUs.
#
# Inputs: none that are tracked; it looks at what is there. Output: the table, printed and in the log.


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
