"""How paths call epochs: `003`, after three of them; `000+00100`, after a hundred steps of the next one."""


def label(epoch: int, step: int = 0) -> str:
    """What paths call so many whole epochs, and steps of the next one; labels sort as training goes on."""
    return f"{epoch:03d}+{step:05d}" if step else f"{epoch:03d}"


def epoch_and_step(label: str) -> tuple[int, int]:
    """The whole epochs, and the steps of the next one, 0 if there are none."""
    whole, _, steps = label.partition("+")
    return int(whole), int(steps or 0)


def as_number(epoch: int, step: int, steps_per_epoch: int | None) -> float:
    """Training time in epochs; steps are parts of one, and only they need to know how many it has."""
    return epoch + (step / steps_per_epoch if step else 0)
