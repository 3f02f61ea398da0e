# What the rules of rules/training.smk ask for, by wildcards.


def segment_file(network, seed, segment):
    """The file that says that a segment of a training, counted from 1, is trained."""
    return trained(f"training/{network}/seed-{seed}/segment-{segment:03d}.json")


def segment_of(wildcards):
    """The file of the segment that trains an epoch; the untrained network and its first steps belong to the first."""
    per_job = NETWORKS[wildcards.network].training["epochs_per_job"]
    segment = max(1, -(-int(wildcards.epoch[:3]) // per_job))
    return ancient(segment_file(wildcards.network, wildcards.seed, segment))


def segment_before(wildcards):
    """The file of the segment that must be trained before this one, if any."""
    earlier = int(wildcards.segment) - 1
    return [ancient(segment_file(wildcards.network, wildcards.seed, earlier))] if earlier else []


def last_epoch(wildcards):
    """The last epoch of a segment."""
    training = NETWORKS[wildcards.network].training
    return min(int(wildcards.segment) * training["epochs_per_job"], training["epochs"])
