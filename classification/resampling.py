"""Bootstrap over patients and training seeds: what is drawn, and figures of all that was drawn.

Patients, not images, are resampled: images of one patient are no independent evidence. An image
whose patient is unknown counts as a patient of its own, which the manifest's ids see to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.classification.figures import Figure, Scored
from isnet_cxr.classification.figures.figure import Floats, Ints

AT_ONCE = 1 << 20
"""Figures are computed on so many images times resamples at once, which fits a cache."""

LEVEL = (0.025, 0.975)


@dataclass(frozen=True)
class Resamples:
    """B bootstrap samples of N images of P patients, and of S training seeds.

    Attributes:
        patient: Number of each image's patient, (N,).
        patients: How often each sample holds each patient, (B, P).
        seeds: How often it holds each seed, (B, S).
    """

    patient: Ints
    patients: Ints
    seeds: Ints

    def parts(self) -> Iterator[Floats]:
        """Yield how often samples hold each image, (N, some of B), until all B are done."""
        step = max(1, AT_ONCE // max(1, len(self.patient)))
        for start in range(0, len(self.patients), step):
            held = self.patients[start : start + step].T
            yield np.ascontiguousarray(held[self.patient], dtype=float)

    def of(self, figures: Sequence[Figure], scored: Sequence[Scored]) -> Floats:
        """Measure the predictions of trainings on every sample, (figures, trainings, B)."""
        parts = [
            [[_measure(figure, one, counts) for one in scored] for figure in figures]
            for counts in self.parts()
        ]
        return np.concatenate([np.asarray(part) for part in parts], axis=2)

    def over_seeds(self, values: Floats, *, strict: bool = False) -> Floats:
        """Average figures, (S, B), over the seeds of each sample, (B,).

        Args:
            values: A figure by seed and sample.
            strict: Whether a seed without the figure leaves its samples without it; else it is
                left out of the mean.
        """
        drawn, known = self.seeds.T, ~np.isnan(values)
        total = np.where(known, values, 0)
        held = (drawn * known).sum(axis=0)
        mean = np.full(values.shape[1], np.nan)
        np.divide((drawn * total).sum(axis=0), held, out=mean, where=held > 0)
        whole = held == drawn.sum(axis=0)
        return np.where(whole, mean, np.nan) if strict else mean


def draw_resamples(
    patients: "pd.Series[str]", *, seeds: int = 1, resamples: int, seed: int
) -> Resamples:
    """Draw patients and training seeds with replacement.

    Args:
        patients: Of every image.
        seeds: How many training seeds there are.
        resamples: Number of samples.
        seed: Of the draws; the patients drawn do not depend on ``seeds``.
    """
    generator = np.random.default_rng(seed)
    codes, names = pd.factorize(patients)
    drawn = generator.integers(len(names), size=(resamples, len(names)))
    chosen = generator.integers(seeds, size=(resamples, seeds))
    return Resamples(codes, _count(drawn, len(names)), _count(chosen, seeds))


def quantiles(values: Floats) -> list[float]:
    """2.5 and 97.5 % quantiles of the values that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return [float("nan"), float("nan")]
    low, high = np.quantile(known, LEVEL)
    return [float(low), float(high)]


def _count(drawn: Ints, size: int) -> NDArray[np.int32]:
    """Count how often each row has each number below ``size``."""
    counts = np.empty((len(drawn), size), dtype=np.int32)
    for row, numbers in enumerate(drawn):
        counts[row] = np.bincount(numbers, minlength=size)
    return counts


def _measure(figure: Figure, scored: Scored, counts: Floats) -> Floats:
    if figure.resampled is not None:
        return figure.resampled(scored, counts)
    images = np.arange(len(counts))
    held = (np.repeat(images, column) for column in counts.T.astype(int))
    return np.asarray([figure.measure(scored.at(rows)) for rows in held], dtype=float)
