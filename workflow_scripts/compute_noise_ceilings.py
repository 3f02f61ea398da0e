"""Compute the noise ceiling of every target, by every measure and over every choice of pairs."""

from itertools import product

from early_alignment.logs import log_to
from early_alignment.statistics import noise_ceilings
from early_alignment.statistics.brain_resamples import BrainResamples

log_to(snakemake.log[0])
brain_rdms = noise_ceilings.by_target(
    snakemake.input.brain_rdms, snakemake.params.targets, snakemake.params.subjects, snakemake.params.distances
)
datasets = dict.fromkeys(dataset for dataset, *_ in brain_rdms)
of_rdms = list(product(datasets, snakemake.params.distances))
table = noise_ceilings.table(
    brain_rdms,
    measures=snakemake.params.measures,
    pairs=snakemake.params.pairs,
    stimuli=dict(zip(datasets, snakemake.input.stimuli, strict=True)) if snakemake.input.stimuli else {},
    data=snakemake.params.data,
    averaging=snakemake.params.averaging,
    resamples=dict(zip(of_rdms, map(BrainResamples, snakemake.input.resamples), strict=False)),
    over=tuple(snakemake.params.over),
)
table.to_csv(snakemake.output[0], index=False)
