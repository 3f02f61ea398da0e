"""Read one subject's responses for one target, in the precision that the data set gives them."""

import numpy as np
from early_alignment.datasets import open_dataset
from early_alignment.logs import log_to

log_to(snakemake.log[0])
name, subject, target = (snakemake.wildcards[key] for key in ("dataset", "subject", "target"))
dataset = open_dataset(name, snakemake.config["datasets"][name])
read = dataset.repeated_patterns if snakemake.params.repeated else dataset.patterns
np.save(snakemake.output[0], read(subject, target))
