"""Films in memory as batches: uint8 rows, their order a function of (seed, epoch)."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from classification.objectives import Batch
from data.cache import Films
from data.marks import stamp_marks


class FilmRows(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Rows of ``Films`` and their class indices, fetched a whole batch at a time."""

    def __init__(self, films: Films, labels: NDArray[np.int64], *, marks: int = 0) -> None:
        """Wrap ``films``; ``marks`` classes have a mark of their own, 0 for none at all."""
        self._films = films
        self._labels = labels
        self._marks = marks

    def __len__(self) -> int:
        """Return the number of films."""
        return len(self._labels)

    def __getitem__(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return films (B, S, S) uint8, masks (B, S, S) uint8 and labels (B,)."""
        index = np.asarray(rows)
        images, labels = self._films.images[index], self._labels[index]
        if self._marks:
            images = stamp_marks(images, labels, test="biased", count=self._marks)
        masks = self._films.masks[index]
        return torch.from_numpy(images), torch.from_numpy(masks), torch.from_numpy(labels)


class ShuffledBatches(Sampler[list[int]]):
    """Every film once per epoch, in full batches; a remainder waits for other epochs."""

    def __init__(self, films: int, *, batch_size: int, seed: int) -> None:
        """Draw from ``films`` rows."""
        self._films, self._batch_size, self._seed = films, min(batch_size, films), seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return self._films // self._batch_size

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the chosen epoch."""
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._films)
        for start in range(0, len(self) * self._batch_size, self._batch_size):
            yield [int(row) for row in order[start : start + self._batch_size]]


def loader(rows: FilmRows, batches: Sampler[list[int]] | list[list[int]]) -> DataLoader[Tensor]:
    """Serve ``rows`` from memory: no workers, no collating."""
    return DataLoader(rows, sampler=batches, batch_size=None)  # type: ignore[arg-type]


def in_order(films: int, batch_size: int) -> list[list[int]]:
    """Return all rows in order, as batches; the last may be smaller."""
    rows = list(range(films))
    return [rows[start : start + batch_size] for start in range(0, films, batch_size)]


def as_batch(stored: tuple[Tensor, Tensor, Tensor]) -> Batch:
    """Turn stored uint8 rows into network inputs in [0, 1], (B, 1, S, S)."""
    images, masks, labels = stored
    return Batch(images[:, None].float() / 255, masks[:, None].float(), labels)
