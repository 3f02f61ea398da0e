"""Find the epoch at which each network is most aligned with each target."""

import pandas as pd
from early_alignment import tables
from early_alignment.logs import log_to

log_to(snakemake.log[0])
table = tables.peaks(pd.read_csv(snakemake.input[0], dtype={"subject": str}))
table.to_csv(snakemake.output[0], index=False)
