"""Download one subject's EEG of THINGS EEG2, preprocessed or raw."""

from pathlib import Path

from early_alignment.datasets import downloads
from early_alignment.errors import known_or_refused
from early_alignment.logs import log_to

# The preprocessed data are a component of https://osf.io/3jk45, the raw data article 18470912 of Figshare+.
PREPROCESSED_NODE, RAW_ARTICLE = "anp5v", "18470912"

log_to(snakemake.log[0])
if snakemake.rule == "download_raw":
    files = downloads.figshare_files(snakemake.config["figshare"], RAW_ARTICLE)
else:
    files = downloads.osf_files(snakemake.config["osf"], PREPROCESSED_NODE)
name = known_or_refused(f"sub-{snakemake.wildcards.subject}.zip", files, "the publisher's list", "file")
outputs = [Path(output) for output in snakemake.output]
# What tells the archive's members apart: the path below the subject's folder.
subject_folder = next(parent for parent in outputs[0].parents if parent.name == Path(name).stem)
archive = subject_folder.parent / name
downloads.fetch(files[name], archive)
downloads.unpack(archive, {str(output.relative_to(subject_folder)): output for output in outputs})
