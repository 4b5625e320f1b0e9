"""Operating points: thresholds from validation images, and what they do on a test.

A threshold is fixed before a test is looked at. The predictive values of a test hold for its own
share of cases; ``predictive_values`` says what they would be where the disease is rarer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from isnet_cxr.classification.figures.figure import Floats, Ints

PREVALENCES = (0.01, 0.05, 0.2)
"""Shares of cases for which predictive values are told: screening, ward, clinic."""


@dataclass(frozen=True)
class Proportion:
    """A share with its 95 % interval; NaN where there is nothing to take a share of.

    Attributes:
        value: The share, in [0, 1].
        low: Lower bound.
        high: Upper bound.
        n: Images that it is a share of.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Operating:
    """What thresholds do on a test, means over seeds."""

    sensitivity: Proportion
    specificity: Proportion
    ppv: Proportion
    npv: Proportion


def youden_threshold(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Find the threshold with the largest sum of sensitivity and specificity.

    Args:
        scores: (N,); at or above the threshold counts as positive.
        positive: (N,); both kinds must occur.

    Returns:
        Midway between two scores that occur; the lowest of equally good ones.
    """
    values = np.unique(scores)
    order = np.sort(scores[positive]), np.sort(scores[~positive])
    missed, spared = (np.searchsorted(side, values) / len(side) for side in order)
    best = int(np.argmax(np.round(spared - missed, 12)))
    return float(values[best] if best == 0 else (values[best - 1] + values[best]) / 2)


def operate(
    scores: Floats, positive: NDArray[np.bool_], thresholds: Floats, patient: Ints
) -> Operating:
    """Apply each seed's threshold to its scores.

    Args:
        scores: Of S seeds on N images, (S, N).
        positive: (N,).
        thresholds: One for each seed, (S,).
        patient: Number of each image's patient, (N,).
    """
    claimed = scores >= thresholds[:, np.newaxis]
    true = np.broadcast_to(positive, claimed.shape)
    return Operating(
        sensitivity=proportion(claimed & true, true, patient),
        specificity=proportion(~claimed & ~true, ~true, patient),
        ppv=proportion(claimed & true, claimed, patient),
        npv=proportion(~claimed & ~true, ~claimed, patient),
    )


def proportion(hits: NDArray[np.bool_], base: NDArray[np.bool_], patient: Ints) -> Proportion:
    """Return a share over images and seeds, and its Wilson interval.

    The interval's size is that of as many independent images as would vary as the patients do, and
    at most the number of images: with one image per patient and one seed it is Wilson's own. Where
    all images agree, and nothing varies, patients are counted.

    Args:
        hits: What is counted, (S, N) for S seeds, inside ``base``.
        base: Out of what, (S, N).
        patient: Number of each image's patient, (N,).
    """
    seen = base.any(axis=0)
    images, total = int(seen.sum()), int(base.sum())
    if not total:
        return Proportion(np.nan, np.nan, np.nan, 0)
    share = float(hits.sum() / total)
    patients = len(np.unique(patient[seen]))
    off = np.bincount(patient, weights=(hits - share * base).sum(axis=0))
    variance = float((off**2).sum()) / total**2
    certain = variance < np.finfo(float).eps
    size = patients if certain else min(images, share * (1 - share) / variance)
    return Proportion(share, *_wilson(share, float(size)), images)


def predictive_values(
    sensitivity: float, specificity: float, prevalence: float
) -> tuple[float, float]:
    """Return positive and negative predictive value where ``prevalence`` of images are cases."""
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    false, spared = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    return _share(found, false), _share(spared, missed)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else float("nan")


def _wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of ``size`` independent images."""
    z = float(norm.ppf(0.975))
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + (z / (2 * size)) ** 2)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
