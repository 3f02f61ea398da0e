"""Write in words what the data say of claims."""

from pathlib import Path

from early_alignment.logs import log_to
from early_alignment.statistics import tables
from early_alignment.statistics.claims_in_words import in_words

log_to(snakemake.log[0])
claims = next(map(tables.read, snakemake.input), None)
Path(snakemake.output[0]).write_text(in_words(claims), encoding="utf-8")
