"""How paths call epochs: `003`, after three of them; `000+00100`, after a hundred steps of the next one."""


def epoch_and_step(label: str) -> tuple[int, int]:
    """The whole epochs, and the steps of the next one, 0 if there are none."""
    whole, _, steps = label.partition("+")
    return int(whole), int(steps or 0)
