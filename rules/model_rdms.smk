# Compute the RDM of one block at one epoch.
#
# Input: the block's features. Output: model_rdms/{dataset}/seed-{seed}/epoch-{epoch}/{block}.npy, condensed.


rule model_rdms:
    input:
        results("features/{dataset}/seed-{seed}/epoch-{epoch}/{block}.zarr.zip"),
    output:
        results("model_rdms/{dataset}/seed-{seed}/epoch-{epoch}/{block}.npy"),
    log:
        log_of("model_rdms/{dataset}/seed-{seed}/epoch-{epoch}/{block}"),
    benchmark:
        benchmark_of("model_rdms/{dataset}/seed-{seed}/epoch-{epoch}/{block}")
    conda:
        "../envs/analysis.yaml"
    params:
        distance=config["rdm"]["distance"],
        code=code_version("compute_model_rdm.py"),
    message:
        "Compute the RDM of {wildcards.block}, seed {wildcards.seed}, epoch {wildcards.epoch}, {wildcards.dataset}"
    script:
        "../workflow_scripts/compute_model_rdm.py"
