"""Calibration: whether images that get 80 % are right in 80 of 100 cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isnet_cxr.classification.figures.figure import Floats, Ints

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Predictions grouped by how sure they are.

    Attributes:
        brier: Mean squared distance of the probabilities from the truth, summed over classes: 0 at
            best, 2 at worst.
        ece: Expected calibration error: how far mean sureness and accuracy lie apart, averaged
            over images.
        sure: Mean probability of the predicted class of each group.
        right: Share of right predictions of each group.
        images: Size of each group; empty ones are left out.
    """

    brier: float
    ece: float
    sure: Sequence[float]
    right: Sequence[float]
    images: Sequence[int]


def measure_reliability(probabilities: Floats, truth: Ints, *, bins: int = BINS) -> Reliability:
    """Compare how sure predictions are with how often they are right.

    Args:
        probabilities: (N, C).
        truth: Class indices, (N,).
        bins: Groups of equal width of the predicted class's probability, from 0 to 1.
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    group = np.minimum((sure * bins).astype(int), bins - 1)
    images = np.bincount(group, minlength=bins)
    held = images > 0
    means = (
        np.bincount(group, weights=values, minlength=bins)[held] / images[held]
        for values in (sure, right)
    )
    mean_sure, mean_right = means
    gap = float((images[held] * np.abs(mean_sure - mean_right)).sum() / len(truth))
    distance = probabilities - np.eye(probabilities.shape[1])[truth]
    return Reliability(
        brier=float((distance**2).sum(axis=1).mean()),
        ece=gap,
        sure=[float(value) for value in mean_sure],
        right=[float(value) for value in mean_right],
        images=[int(count) for count in images[held]],
    )
