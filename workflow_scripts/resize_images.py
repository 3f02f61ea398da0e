"""Write a smaller copy of the labelled images, from wherever an earlier job left off."""

import json
from pathlib import Path

from early_alignment.files import written_whole
from early_alignment.logs import log_to
from early_alignment.training import image_fingerprint, resizing

log_to(snakemake.log[0])
done = Path(snakemake.output[0])
images = json.loads(Path(snakemake.input[0]).read_text())
image_fingerprint.claim_copy(images, done.parent)
summary = resizing.resize_folder(
    Path(images["root"]),
    done.parent,
    short_side=snakemake.params.short_side,
    quality=snakemake.params.quality,
    workers=snakemake.threads,
)
with written_whole(done) as path:
    path.write_text(json.dumps(summary) + "\n")
