"""Images in memory as batches: uint8 rows, their order a function of (seed, epoch)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from isnet_cxr.classification.objective import Batch
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning import processes

if TYPE_CHECKING:  # a prediction comes this way and needs neither
    from isnet_cxr.data.bias import BiasTest
    from isnet_cxr.data.learning.cache import PreparedImages

Stored = tuple[Tensor, Tensor, Tensor, Tensor]
"""Images (B, S, S) uint8, masks (B, S, S) uint8, labels (B,) and groups (B,)."""


class ImageRows(Dataset[Stored]):
    """Prepared images, class indices and groups, fetched a whole batch at a time."""

    def __init__(
        self,
        images: "PreparedImages",
        labels: NDArray[np.int64],
        *,
        groups: NDArray[np.int64] | None = None,
        bias: "BiasTest | None" = None,
        classes: int = 0,
    ) -> None:
        """Wrap ``images``, changed as ``bias`` wants them in development; it needs ``classes``.

        Without ``groups`` each class is one.
        """
        self._images = images
        self._labels = labels
        self._groups = labels if groups is None else groups
        self._bias, self._classes = bias, classes

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._labels)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Group of every image."""
        return self._groups

    @property
    def plain(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """All images and masks, (N, S, S) each, without what a bias test plants in them."""
        return self._images.images, self._images.masks

    def __getitem__(self, rows: Sequence[int]) -> Stored:
        """Return the images at ``rows``."""
        index = np.asarray(rows)
        images, labels = self._images.images[index], self._labels[index]
        masks = self._images.masks[index]
        if self._bias is not None:
            test = self._bias.development
            images = self._bias.stamp(images, masks, labels, test=test, count=self._classes)
        return (
            torch.from_numpy(images),
            torch.from_numpy(masks),
            torch.from_numpy(labels),
            torch.from_numpy(self._groups[index]),
        )


class ShuffledBatches(Sampler[list[int]]):
    """Every image once per epoch, in full batches; a remainder waits for other epochs."""

    def __init__(self, images: int, *, batch_size: int, seed: int) -> None:
        """Draw from ``images`` rows."""
        self._images, self._batch_size, self._seed = images, min(batch_size, images), seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return self._images // self._batch_size

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the chosen epoch."""
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._images)
        for start in range(0, len(self) * self._batch_size, self._batch_size):
            yield [int(row) for row in order[start : start + self._batch_size]]


def loader(rows: ImageRows, batches: Sampler[list[int]] | list[list[int]]) -> DataLoader[Tensor]:
    """Serve ``rows`` from memory: no workers, no collating."""
    return DataLoader(rows, sampler=batches, batch_size=None)  # type: ignore[arg-type]


def in_order(images: int, batch_size: int) -> list[list[int]]:
    """Return all rows in order, as batches; the last may be smaller."""
    rows = list(range(images))
    return [rows[start : start + batch_size] for start in range(0, images, batch_size)]


def shared_in_order(images: int, batch_size: int) -> list[list[int]]:
    """Return this process's share of all rows, in order, as batches; all of them if it is alone.

    Raises:
        InputError: If there are more processes than images.
    """
    count, number = processes.count(), processes.number()
    if images < count:
        raise InputError(
            f"{images} images of split 'val': expected one for each of {count} processes"
        )
    rows = list(range(number, images, count))
    return [[rows[row] for row in batch] for batch in in_order(len(rows), batch_size)]


def share_of(batch: Batch) -> Batch:
    """Return this process's share of a batch that every process holds."""
    tensors = (batch.images, batch.masks, batch.labels)
    images, masks, labels = (processes.share(tensor) for tensor in tensors)
    groups = None if batch.groups is None else processes.share(batch.groups)
    return Batch(images, masks, labels, groups)


def as_batch(stored: Stored) -> Batch:
    """Turn stored uint8 rows into network inputs in [0, 1], (B, 1, S, S)."""
    images, masks, labels, groups = stored
    return Batch(images[:, None].float() / 255, masks[:, None].float(), labels, groups)
