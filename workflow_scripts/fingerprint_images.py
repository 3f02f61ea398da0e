"""Take the fingerprint of the labelled images, and refuse others than those that were trained on."""

import json
from pathlib import Path

from early_alignment.files import written_whole
from early_alignment.logs import log_to
from early_alignment.training import image_fingerprint

log_to(snakemake.log[0])
found = image_fingerprint.fingerprint(Path(snakemake.params.root), snakemake.threads)
output = Path(snakemake.output[0])
image_fingerprint.refuse_trained_on_others(found, output.parents[1] / "training" / snakemake.wildcards.network)
with written_whole(output) as path:
    path.write_text(json.dumps(found | {"root": snakemake.params.root}) + "\n")
