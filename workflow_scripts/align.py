"""Compare one model RDM with the brain RDMs of all subjects for one target; imports numpy alone."""

from early_alignment.comparison import alignment
from early_alignment.logs import log_to

log_to(snakemake.log[0])
alignment.align(
    snakemake.output[0],
    model=snakemake.input.model,
    brain=dict(zip(snakemake.params.subjects, snakemake.input.brain, strict=True)),
    measures_=snakemake.params.measures,
    pairs=snakemake.params.pairs,
    stimuli=next(iter(snakemake.input.stimuli), None),
    columns={key: snakemake.wildcards[key] for key in alignment.OF_THE_FILE},
    controls=dict(zip(snakemake.params.controls, snakemake.input.controls, strict=True)),
    averaging=snakemake.params.averaging,
)
