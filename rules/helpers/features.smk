# What the rules of rules/features.smk ask for, by wildcards.


def is_calibrated(wildcards):
    """Whether a view has batch norm statistics of training images."""
    return wildcards.view.endswith("-calibrated")


def calibration(wildcards):
    """What decides the statistics of a calibrated view beside the images; None for a plain one."""
    if not is_calibrated(wildcards):
        return None
    return {
        "n_images": config["features"]["calibration_images"],
        "background": NETWORKS[wildcards.network].training["background"],
    }


def features_file(block):
    """The pattern of a block's features, which are temporary if the config does not keep them."""
    path = results(f"features/{{dataset}}/{LOOK}/{block}.zarr.zip")
    return path if config["features"]["keep"] else temp(path)
