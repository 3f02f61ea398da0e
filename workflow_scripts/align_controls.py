"""Compare what is cheap in the images with the brain RDMs of all subjects and targets."""

from itertools import product

from early_alignment.logs import log_to
from early_alignment.statistics import control_alignment, tables
from early_alignment.statistics.brain_resamples import BrainResamples
from early_alignment.statistics.noise_ceilings import by_target

log_to(snakemake.log[0])
control_files = iter(snakemake.input.controls)
brain_rdms = by_target(
    snakemake.input.brain_rdms, snakemake.params.targets, snakemake.params.subjects, snakemake.params.distances
)
datasets = dict.fromkeys(dataset for dataset, *_ in brain_rdms)
of_rdms = list(product(datasets, snakemake.params.distances))
table = control_alignment.table(
    brain_rdms,
    controls={of: {control: next(control_files) for control in snakemake.params.controls} for of in of_rdms},
    measures=snakemake.params.measures,
    pairs=snakemake.params.pairs,
    stimuli=dict(zip(datasets, snakemake.input.stimuli, strict=True)) if snakemake.input.stimuli else {},
    noise_ceiling=tables.read(snakemake.input.noise_ceiling),
    data=snakemake.params.data,
    averaging=snakemake.params.averaging,
    resamples=dict(zip(of_rdms, map(BrainResamples, snakemake.input.resamples), strict=False)),
    over=tuple(snakemake.params.over),
)
table.to_csv(snakemake.output[0], index=False)
