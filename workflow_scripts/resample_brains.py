"""Prepare a data set's brain RDMs for comparisons in resamples of the stimuli; imports numpy alone."""

from early_alignment.comparison.kinds import Kind
from early_alignment.logs import log_to
from early_alignment.statistics import brain_resamples
from threadpoolctl import threadpool_limits

log_to(snakemake.log[0])
columns = map(tuple, snakemake.params.columns)
with threadpool_limits(snakemake.threads):
    brain_resamples.write(
        snakemake.output[0],
        brain=dict(zip(columns, snakemake.input.brain, strict=True)),
        controls=dict(zip(snakemake.params.controls, snakemake.input.controls, strict=True)),
        kinds=[Kind(*kind) for kind in snakemake.params.kinds],
        stimuli=next(iter(snakemake.input.stimuli), None),
        draws=snakemake.params.draws,
        dataset=snakemake.wildcards.dataset,
    )
