"""Compare one model RDM with all brain RDMs of a data set in every resample of the stimuli; imports numpy alone."""

from early_alignment.logs import log_to
from early_alignment.statistics import resamples
from threadpoolctl import threadpool_limits

log_to(snakemake.log[0])
with threadpool_limits(snakemake.threads):
    resamples.write_alignment(
        snakemake.output[0],
        snakemake.input.model,
        snakemake.input.brains,
        columns={key: snakemake.wildcards[key] for key in resamples.OF_THE_FILE},
    )
