"""Download the image set of THINGS EEG2."""

from pathlib import Path

from early_alignment.datasets import downloads
from early_alignment.errors import known_or_refused
from early_alignment.logs import log_to

IMAGES_NODE = "y63gw"

log_to(snakemake.log[0])
files = downloads.osf_files(snakemake.config["osf"], IMAGES_NODE)
metadata, *folders = map(Path, snakemake.output)
archives = {folder.with_name(f"{folder.name}.zip"): folder for folder in folders}
for path in (metadata, *archives):
    downloads.fetch(files[known_or_refused(path.name, files, "the publisher's list", "file")], path)
for archive, folder in archives.items():
    downloads.unpack_images(archive, folder)
