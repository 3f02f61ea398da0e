"""Draw loss and top-1 accuracy against epoch, a line per seed."""

import pandas as pd
from early_alignment.logs import log_to
from early_alignment.pictures import figures

log_to(snakemake.log[0])
figures.save(figures.training_curves(pd.read_csv(snakemake.input[0])), snakemake.output)
