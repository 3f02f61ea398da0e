# Write a smaller copy of the labelled images once, if training.resized_short_side asks for one.
#
# Inputs: the labelled images (not tracked: a million files).
# Outputs: resized_images/short-side-{side}-quality-{quality}/images.json, which says how many there are, beside train/
# and val/. Those are not declared as outputs, so that a killed job goes on where it stopped.

if RESIZED is not None:

    rule resize_images:
        input:
            ORIGINAL_IMAGES,
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
