"""What there is to watch while a network trains: a progress bar in the log, and TensorBoard's event files."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import processes


@contextmanager
def progress(name: str, n_images: int):
    """A bar with images/s, time left and loss; gives the function that advances it, by the loss and images of a step.

    One process of several shows it.
    """
    with tqdm(total=n_images, desc=name, unit=" images", mininterval=5, disable=processes.rank() > 0) as bar:

        def advance(loss: float, n: int) -> None:
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update(n)

        yield advance


class Scalars:
    """Losses, accuracies and speed by epoch, for TensorBoard.

    Args:
        folder: Where the event files go.
        first_epoch: Where this call of the training starts; what an ended one wrote of it and later ones is taken back.
    """

    def __init__(self, folder: Path, first_epoch: int):
        self._folder, self._first_epoch = folder, first_epoch
        self._writer: Any = None
        """TensorBoard's `SummaryWriter`, once there is something to write."""

    def add(self, row: dict) -> None:
        """Write one epoch's numbers."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=self._first_epoch)
        for name in ("training_loss", "validation_loss", "top1", "top5", "learning_rate", "seconds"):
            if row[name] is not None:
                self._writer.add_scalar(name, row[name], row["epoch"])
        self._writer.flush()
