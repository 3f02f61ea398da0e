# Compute the RDM of one block at one epoch.
#
# Input: the block's features. Output: model_rdms/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}.npy, condensed.


rule model_rdms:
    input:
        results(f"features/{{dataset}}/{LOOK}/{{block}}.zarr.zip"),
    output:
        results(f"model_rdms/{{dataset}}/{LOOK}/{{block}}.npy"),
    log:
        log_of(f"model_rdms/{{dataset}}/{LOOK}/{{block}}"),
    benchmark:
        benchmark_of(f"model_rdms/{{dataset}}/{LOOK}/{{block}}")
    conda:
        "../envs/analysis.yaml"
    params:
        distance=config["rdm"]["distance"],
        code=code_version("compute_model_rdm.py"),
    message:
        "Compute the RDM of {wildcards.block} of {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_model_rdm.py"
