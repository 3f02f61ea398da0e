# Know the labelled images, and write a smaller copy of them where training.resized_short_side asks for one.
#
# Inputs: the labelled images (not tracked: a million files).
# Outputs: labelled_images/{network}.json, their fingerprint, by which other images are refused and a moved folder is not;
# resized_images/{resized}/images.json, which says how many there are, beside train/ and val/. Those are not declared as
# outputs, so that a killed job goes on where it stopped.

COPIES = {n.copy_of_images: n for n in reversed(NETWORKS.values()) if n.is_resized}


rule fingerprint_images:
    input:
        [SIMULATION.labelled_images] if SIMULATION else [],
    output:
        FINGERPRINT,
    log:
        log_of("labelled_images/{network}", trained),
    benchmark:
        benchmark_of("labelled_images/{network}", trained)
    wildcard_constraints:
        network=one_of(WITH_IMAGES),
    conda:
        "../envs/analysis.yaml"
    params:
        root=of_network(lambda network: network.training["images"]),
    message:
        "List the labelled images of {wildcards.network}"
    script:
        "../workflow_scripts/fingerprint_images.py"


rule resize_images:
    input:
        lambda wildcards: FINGERPRINT.format(network=COPIES[wildcards.resized].name),
    output:
        trained("resized_images/{resized}/images.json"),
    log:
        log_of("resized_images/{resized}", trained),
    benchmark:
        benchmark_of("resized_images/{resized}", trained)
    wildcard_constraints:
        resized=one_of(COPIES),
    conda:
        "../envs/networks.yaml"
    params:
        short_side=lambda wildcards: COPIES[wildcards.resized].training["resized_short_side"],
        quality=lambda wildcards: COPIES[wildcards.resized].training["resized_quality"],
    message:
        "Resize the labelled images to a short side of {params.short_side} pixels"
    script:
        "../workflow_scripts/resize_images.py"
