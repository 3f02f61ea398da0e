"""Compare one block's model RDMs with the brain RDMs of all subjects for one target; imports numpy alone."""

from early_alignment.comparison import alignment
from early_alignment.logs import log_to

log_to(snakemake.log[0])
brain, controls = iter(snakemake.input.brain), iter(snakemake.input.controls)
alignment.align(
    snakemake.output[0],
    rdms_of={
        distance: alignment.Files(
            model,
            brain={subject: next(brain) for subject in snakemake.params.subjects},
            controls={control: next(controls) for control in snakemake.params.controls},
        )
        for distance, model in zip(snakemake.params.distances, snakemake.input.models, strict=True)
    },
    measures_=snakemake.params.measures,
    pairs=snakemake.params.pairs,
    stimuli=next(iter(snakemake.input.stimuli), None),
    columns={key: snakemake.wildcards[key] for key in alignment.OF_THE_FILE},
    averaging=snakemake.params.averaging,
)
