"""Order of the training images: seeded by epoch, each dataset as often as the others."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


class BalancedBatches(Sampler[list[int]]):
    """Batches of row numbers, drawn so that every dataset gives the same number of images.

    An epoch has as many images as there are rows. A dataset smaller than its share is repeated,
    one full shuffled pass after the other; a larger one gives a different part every epoch.
    The draw depends on (seed, epoch) alone, so that a resumed training sees the same images.
    """

    def __init__(self, datasets: Sequence[str], *, batch_size: int, seed: int) -> None:
        """Remember which rows belong to which dataset.

        Args:
            datasets: Name of every row's dataset.
            batch_size: Images per batch; the last batch of an epoch may be smaller.
            seed: Of the whole training.
        """
        names = np.asarray(datasets)
        self._groups = [np.flatnonzero(names == name) for name in sorted(set(datasets))]
        self._images = len(names)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return math.ceil(self._images / self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the chosen epoch."""
        rows = self._draw(np.random.default_rng([self._seed, self._epoch]))
        for batch in range(len(self)):
            chosen = rows[batch * self._batch_size : (batch + 1) * self._batch_size]
            yield [int(row) for row in chosen]

    def _draw(self, generator: np.random.Generator) -> NDArray[np.intp]:
        share = math.ceil(self._images / len(self._groups))
        drawn = []
        for group in self._groups:
            passes = math.ceil(share / len(group))
            drawn.append(
                np.concatenate([generator.permutation(group) for _ in range(passes)])[:share]
            )
        return generator.permutation(np.concatenate(drawn))[: self._images]
