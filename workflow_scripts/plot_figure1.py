"""Draw Figure 1: alignment against epoch, a row of panels per data set, a panel per target, a line per block."""

import pandas as pd
from early_alignment import figures
from early_alignment.logs import log_to

log_to(snakemake.log[0])
figure = figures.alignment_over_training(
    pd.read_csv(snakemake.input.alignment, dtype={"subject": str}),
    pd.read_csv(snakemake.input.noise_ceiling),
    datasets=snakemake.params.datasets,
    blocks=snakemake.params.blocks,
)
figures.save(figure, snakemake.output)
