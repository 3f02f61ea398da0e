"""The EEG channels of THINGS EEG2: which they are, and where they sit on the head."""

from ..errors import InputError

PATTERN = "^O *|^P *"
"""Which of the 63 recorded channels the publishers keep: occipital and parietal ones."""

POSTERIOR = tuple("Pz P3 P7 O1 Oz O2 P4 P8 P1 P5 PO7 PO3 POz PO4 PO8 P6 P2".split())  # noqa: SIM905 (readable)
"""The 17 channels that they are, in the order of the published files, which all responses are brought into."""

MONTAGE = "colin27_1005"
"""MNE's montage of the international 10-05 system, formerly `standard_1005`."""


def check(names, where) -> None:
    """Check that channels are the 17 posterior ones, each once, in whichever order.

    Raises:
        InputError: Some are missing, there twice, or others are there.
    """
    missing, others = sorted(set(POSTERIOR) - set(names)), sorted(set(names) - set(POSTERIOR))
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if missing or others or twice:
        raise InputError(
            where,
            f"{len(names)} channels; missing: {', '.join(missing) or 'none'}; unknown: {', '.join(others) or 'none'}"
            + (f"; there twice: {', '.join(twice)}" if twice else ""),
            f"the 17 channels {', '.join(sorted(POSTERIOR))}",
            "use the files as they were published",
        )


def info(names: list[str]):
    """The channels with their positions, for topographic plots: `mne.viz.plot_topomap(values, info(names))`.

    Args:
        names: Names of the international 10-05 system; positions are those of MNE's montage of it.

    Returns:
        `mne.Info`.

    Raises:
        InputError: A channel is not in the montage.
    """
    from difflib import get_close_matches

    import mne

    montage = mne.channels.make_standard_montage(MONTAGE)
    unknown = [name for name in names if name not in montage.ch_names]
    if unknown:
        near = get_close_matches(unknown[0], montage.ch_names, n=5, cutoff=0)
        raise InputError(
            f"MNE's montage {MONTAGE}",
            f"no channel {', '.join(unknown)}",
            f"names such as {', '.join(near)}",
            "rename it",
        )
    # The sampling rate is required and plays no part in a plot.
    return mne.create_info(list(names), sfreq=100, ch_types="eeg").set_montage(montage)
