"""Batches from worker processes, from which an `InputError` comes out as the one message that it is."""

import torch
from torch.utils.data import default_collate

from ..errors import InputError


class Loader(torch.utils.data.DataLoader):
    """A `DataLoader` that raises its workers' `InputError`s as they are.

    torch raises another error in their place, in whose text the message stands below a worker's traceback.
    """

    def __init__(self, dataset, *arguments, **more):
        # mypy fears that `collate_fn` is among `arguments`, too.
        super().__init__(_Caught(dataset), *arguments, collate_fn=_batch_or_error, **more)  # type: ignore[misc]

    def __iter__(self):
        for batch in super().__iter__():
            if isinstance(batch, InputError):
                raise batch
            yield batch


class _Caught(torch.utils.data.Dataset):
    """A data set that gives an `InputError` in place of the item that it befell."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index):
        try:
            return self.dataset[index]
        except InputError as error:
            return error


def _batch_or_error(items: list):
    return next((item for item in items if isinstance(item, InputError)), None) or default_collate(items)
