"""Abstention: how accurate a classifier is on the images that it answers, by how many those are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.figures.figure import Floats

COVERAGES = tuple(round(0.1 * step, 1) for step in range(1, 11))
"""Shares of images answered at which accuracy is told."""


def accuracy_by_coverage(doubt: Floats, right: NDArray[np.bool_]) -> list[float]:
    """Accuracy on the least doubtful images, for each of ``COVERAGES``.

    Images of the same doubt are answered together as far as their share goes, so that no order
    within them counts.

    Args:
        doubt: (N,), NaN where it is not known, which is doubted most.
        right: Whether the answer is right, (N,).
    """
    known = np.where(np.isnan(doubt), np.inf, doubt)
    values, group = np.unique(known, return_inverse=True)
    sizes = np.bincount(group, minlength=len(values))
    hits = np.bincount(group, weights=right, minlength=len(values))
    ends, found = np.r_[0, np.cumsum(sizes)], np.r_[0, np.cumsum(hits)]
    answered = np.asarray(COVERAGES) * len(right)
    return [float(value) for value in np.interp(answered, ends, found) / answered]


def accuracy_of_answered(answered: NDArray[np.bool_], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Coverage, and accuracy on what is answered and on what is not; NaN where there is none."""
    return {
        "coverage": float(answered.mean()),
        "accuracy": _mean(right[answered]),
        "abstained": _mean(right[~answered]),
    }


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
