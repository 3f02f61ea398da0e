"""All that knows Snakemake: what it is to follow, what of it is mended, and what it prints."""
