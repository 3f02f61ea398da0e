# Compute what RDMs and kernels of all blocks at one epoch follow from: the inner products of conditions.
#
# A rule per network, geometry_{network}, as for features; profiles say what all need of a machine under the name
# `geometry`. No other rule reads features.
#
# Inputs: the blocks' features. Outputs: geometry/{dataset}/{network}/seed-{seed}/epoch-{epoch}/{view}/{block}.npz for all
# blocks.


for network in NETWORKS.values():

    rule:
        name:
            f"geometry_{network.name}"
        input:
            [results(f"features/{{dataset}}/{LOOK}/{block}.zarr.zip") for block in network.blocks],
        output:
            [results(f"geometry/{{dataset}}/{LOOK}/{block}.npz") for block in network.blocks],
        log:
            log_of(f"geometry/{{dataset}}/{LOOK}"),
        benchmark:
            benchmark_of(f"geometry/{{dataset}}/{LOOK}")
        wildcard_constraints:
            network=re.escape(network.name),
        group:
            group_of("geometry")
        conda:
            "../envs/analysis.yaml"
        params:
            code=code_version("compute_geometry.py"),
        message:
            "Compute inner products in {wildcards.network}, seed {wildcards.seed}, epoch {wildcards.epoch}, {wildcards.dataset}"
        script:
            "../workflow_scripts/compute_geometry.py"
