"""Loss and accuracy of a network on labelled images."""

from pathlib import Path

import torch
from torch import nn

from ..errors import InputError
from ..networks import networks
from ..networks.loaders import Loader
from . import processes
from .labelled_images import LabelledImages, image_folder, validation_transform
from .recipe import Computing

AUXILIARY_WEIGHT = 0.3
"""Of the loss of auxiliary classifiers, in the networks that have them: Szegedy et al. (2015), section 5."""
BATCH = 256


def layout(computing: Computing) -> torch.memory_format:
    return torch.channels_last if computing.channels_last else torch.contiguous_format


def loading(workers: int) -> dict:
    """How loaders load."""
    return {"num_workers": workers, "pin_memory": torch.cuda.is_available()}


def validation_images(root: Path, image_size: int, validation_resize: int, background=None) -> LabelledImages:
    """The validation images, as they are shown to a network."""
    return image_folder(root, "val", validation_transform(image_size, validation_resize), background)


def validation_batches(images: LabelledImages, batch_size: int, workers: int) -> Loader:
    """This process's share of the validation images, in batches."""
    share = torch.utils.data.Subset(images, range(processes.rank(), len(images), processes.size()))
    return Loader(share, batch_size, **loading(workers))


def loss_sum(outputs, labels, label_smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy summed over a batch; auxiliary classifiers, where a network has any in training, add theirs."""
    scores, *auxiliary = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    losses = [
        nn.functional.cross_entropy(s.float(), labels, reduction="sum", label_smoothing=label_smoothing)
        for s in (scores, *auxiliary)
    ]
    return losses[0] + AUXILIARY_WEIGHT * sum(losses[1:])


@torch.inference_mode()
def evaluate(network, batches, device, computing: Computing, n_classes: int) -> dict[str, float]:
    """Validation loss, and top-1 and top-5 accuracy as fractions, over all processes.

    Raises:
        InputError: The network puts out anything but a score for each image and class.
    """
    network.eval()
    sums = torch.zeros(4, dtype=torch.float64, device=device)
    for x, labels in batches:
        labels = labels.to(device, non_blocking=True)
        with networks.computing_in(computing.precision, device):
            scores = network(x.to(device, memory_format=layout(computing), non_blocking=True))
        networks.refuse_other_than_scores(scores, len(labels), n_classes)
        ranked = scores.topk(min(5, scores.shape[1])).indices == labels[:, None]
        counts = (loss_sum(scores, labels), ranked[:, 0].sum(), ranked.sum(), torch.tensor(len(labels)))
        sums += torch.stack([count.to(device, torch.float64) for count in counts])
    loss, top1, top5, seen = processes.summed(sums).tolist()
    return {"validation_loss": loss / seen, "top1": top1 / seen, "top5": top5 / seen}


def of_checkpoint(
    path,
    root: Path,
    architecture: str,
    image_size: int,
    validation_resize: int,
    computing: dict,
    workers: int,
    background=None,
    expected: dict | None = None,
) -> dict[str, float]:
    """`evaluate` a checkpoint.

    Args:
        path: The checkpoint.
        root: A folder with `val/<class>/`.
        architecture: As for `networks.untrained`.
        image_size: Side of the crops in pixels.
        validation_resize: Side of the resized image that they are cut from.
        computing: Type of device → a `Computing`.
        workers: Processes that decode images beside this one.
        background: As in `decoding.decoded`.
        expected: What the checkpoint must say of itself, as of `checkpoints.expected`.

    Raises:
        InputError: The network has another number of classes than there are folders, or is no classifier.
    """
    device = networks.device()
    computing = Computing(**computing[device.type])
    network = networks.from_checkpoint(architecture, path, expected)
    network = network.to(device, memory_format=layout(computing))  # type: ignore[call-overload]  # undeclared by torch
    images = validation_images(root, image_size, validation_resize, background)
    n_folders, n_classes = len(images.classes), networks.number_of_classes(architecture, network.state_dict())
    if n_classes not in (n_folders, None):
        raise InputError(root / "val", f"{n_folders} classes", f"{n_classes}, as in {path}", "correct training.images")
    return evaluate(network, validation_batches(images, BATCH, workers), device, computing, n_folders)
