# Compute the RDMs of all blocks at one epoch, by one distance. A rule per network, model_rdms_{network}, as for features.
#
# Inputs: the blocks' geometry.
# Outputs: model_rdms/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}/{distance}.npy for all blocks, condensed.


for network in NETWORKS.values():

    rule:
        name:
            f"model_rdms_{network.name}"
        input:
            [results(f"geometry/{{dataset}}/{LOOK}/{block}.npz") for block in network.blocks],
        output:
            [
                results(f"model_rdms/{{dataset}}/{LOOK}/{block}/{{distance}}.npy")
                for block in network.blocks
            ],
        log:
            log_of(f"model_rdms/{{dataset}}/{LOOK}/{{distance}}"),
        benchmark:
            benchmark_of(f"model_rdms/{{dataset}}/{LOOK}/{{distance}}")
        wildcard_constraints:
            network=re.escape(network.name),
        group:
            group_of("model_rdms")
        conda:
            "../envs/analysis.yaml"
        params:
            code=code_version("compute_model_rdms.py"),
        message:
            "Compute {wildcards.distance} RDMs of {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, {wildcards.dataset}"
        script:
            "../workflow_scripts/compute_model_rdms.py"
