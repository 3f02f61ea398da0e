"""Compute the RDM of something cheap in the images of a data set."""

from early_alignment.datasets import open_dataset, stimuli
from early_alignment.errors import InputError
from early_alignment.geometry import controls, rdms
from early_alignment.logs import log_to
from early_alignment.networks.images import square_pixels

log_to(snakemake.log[0])
name, control = snakemake.wildcards.dataset, snakemake.wildcards.control
dataset = open_dataset(name, snakemake.config["datasets"][name])
images = (
    (condition, square_pixels(dataset.open_image(image, snakemake.params.background), controls.SIDE))
    for condition, image in stimuli.read(snakemake.input.stimuli)
)
try:
    rdm = controls.rdm(images, control, snakemake.params.distance)
except InputError:
    raise
except ValueError as error:
    where, expected = f"control {control} of data set {name}", "a varying, finite pattern for every condition"
    raise InputError(where, str(error), expected, "leave it out of alignment.controls") from None
rdms.save(snakemake.output[0], rdm)
