"""The library behind the workflow: plain functions on arrays, laid out by concern.

Nothing here knows of Snakemake. Modules import heavy packages (torch, pandas, zarr) inside the functions
that need them wherever a light caller, such as the alignment job or the Snakefile, imports the module too.
"""
