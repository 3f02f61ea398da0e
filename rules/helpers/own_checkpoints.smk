# What the rules of rules/own_checkpoints.smk ask for, by wildcards.


def own_checkpoint_file(wildcards):
    """The file of a series from elsewhere with a seed's network after an epoch."""
    settings = NETWORKS[wildcards.network].settings
    return own_checkpoint(settings, wildcards.seed, int(wildcards.epoch))
