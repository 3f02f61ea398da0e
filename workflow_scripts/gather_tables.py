"""Gather alignments, accuracies and noise ceilings into tidy tables."""

from early_alignment import tables
from early_alignment.logs import log_to

log_to(snakemake.log[0])
data = "simulated" if snakemake.params.simulated else "measured"
files = iter(snakemake.input.brain_rdms)
brain_rdms = {
    tuple(target): [next(files) for _ in subjects]
    for target, subjects in zip(snakemake.params.targets, snakemake.params.subjects, strict=True)
}
alignment = tables.alignment(snakemake.input.alignment, data)
alignment.to_csv(snakemake.output.alignment, index=False)
accuracy = tables.accuracy(snakemake.input.accuracy, data, snakemake.params.not_evaluated)
accuracy.to_csv(snakemake.output.accuracy, index=False)
tables.noise_ceiling(brain_rdms, data).to_csv(snakemake.output.noise_ceiling, index=False)
tables.peaks(alignment).to_csv(snakemake.output.peaks, index=False)
