# Know the labelled images, and write a smaller copy of them where training.resized_short_side asks for one.
#
# Inputs: the labelled images (not tracked: a million files).
# Outputs: labelled_images.json, their fingerprint, by which other images are refused and a moved folder is not;
# resized_images/short-side-{side}-quality-{quality}/images.json, which says how many there are, beside train/ and val/.
# Those are not declared as outputs, so that a killed job goes on where it stopped.

if HAS_IMAGES:

    rule fingerprint_images:
        input:
            [SIMULATION.labelled_images] if SIMULATION else [],
        output:
            FINGERPRINT,
        log:
            log_of("labelled_images"),
        benchmark:
            benchmark_of("labelled_images")
        conda:
            "../envs/analysis.yaml"
        params:
            root=config["training"]["images"],
        message:
            "List the labelled images"
        script:
            "../workflow_scripts/fingerprint_images.py"


if RESIZED is not None:

    rule resize_images:
        input:
            FINGERPRINT,
        output:
            RESIZED,
        log:
            log_of("resized_images"),
        benchmark:
            benchmark_of("resized_images")
        conda:
            "../envs/networks.yaml"
        params:
            short_side=config["training"]["resized_short_side"],
            quality=config["training"]["resized_quality"],
        message:
            "Resize the labelled images to a short side of {params.short_side} pixels"
        script:
            "../workflow_scripts/resize_images.py"
