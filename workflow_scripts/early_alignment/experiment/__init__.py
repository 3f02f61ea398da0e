"""The experiment: its config, what that must fulfil, what is wrong with the data, and what it all costs.

All that knows the config, and nothing that knows Snakemake.
"""
