"""Map over units which block predicts them best, and when, for one network and target."""

from early_alignment.encoding.maps import maps
from early_alignment.logs import log_to
from early_alignment.statistics.tables import steps_per_epoch

log_to(snakemake.log[0])
accuracies = zip(snakemake.params.in_parts, snakemake.input.accuracies, strict=True)
found = maps(snakemake.input.encodings, snakemake.params.blocks, snakemake.params.data, steps_per_epoch(accuracies))
found.to_csv(snakemake.output[0], index=False)
