"""Areas under ROC curves of several classifiers on the same images: variance and paired test.

DeLong, DeLong and Clarke-Pearson (1988, doi:10.2307/2531595), with patients as clusters as in
Obuchowski (1997, doi:10.2307/2533958). Where every patient has one image, the two are the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from isnet_cxr.classification.figures.figure import Floats, Ints


@dataclass(frozen=True)
class Areas:
    """Areas under K ROC curves over the same images.

    Attributes:
        values: (K,).
        covariance: (K, K); NaN where there are fewer than two patients on a side.
    """

    values: Floats
    covariance: Floats


@dataclass(frozen=True)
class Difference:
    """A difference and whether it may be chance.

    Attributes:
        difference: First minus second.
        error: Its standard error.
        p: Two-sided p-value of no difference.
    """

    difference: float
    error: float
    p: float


def measure_areas(scores: Floats, positive: NDArray[np.bool_], patient: Ints) -> Areas:
    """Measure the areas under K curves and how they vary together.

    Args:
        scores: Of K classifiers on N images, (K, N); more speaks for positive.
        positive: (N,); both kinds must occur.
        patient: Number of each image's patient, (N,).
    """
    scores = np.atleast_2d(scores)
    above, below = _placements(scores, positive)
    areas = above.mean(axis=1)
    _, patient = np.unique(patient, return_inverse=True)
    won = _by_patient(above - areas[:, np.newaxis], patient[positive], patient.max() + 1)
    lost = _by_patient(below - areas[:, np.newaxis], patient[~positive], patient.max() + 1)
    covariance = (
        _covariance(won, won, patient[positive], above.shape[1] ** 2)
        + _covariance(lost, lost, patient[~positive], below.shape[1] ** 2)
        + _cross(won, lost, above.shape[1] * below.shape[1])
    )
    return Areas(areas, covariance)


def compare_areas(areas: Areas, weights: Floats) -> Difference:
    """Test whether a weighted sum of areas is zero.

    Args:
        areas: Of K curves.
        weights: (K,), adding up to zero: [1, -1] compares two curves, [1/2, 1/2, -1/2, -1/2] the
            means of two seeds each. Seeds are taken as they are; their chance is not in the error.
    """
    difference = float(weights @ areas.values)
    variance = float(weights @ areas.covariance @ weights)
    if np.isnan(variance):
        return Difference(difference, float("nan"), float("nan"))
    error = float(np.sqrt(max(variance, 0.0)))
    if error < np.finfo(float).eps:
        return Difference(difference, 0.0, 1.0 if abs(difference) < np.finfo(float).eps else 0.0)
    return Difference(difference, error, float(2 * norm.sf(abs(difference) / error)))


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Share of images of the other side that each one is on the right side of, (K, M), (K, N)."""
    above, below = scores[:, positive], scores[:, ~positive]
    together = rankdata(np.concatenate([above, below], axis=1), axis=1)
    count = above.shape[1]
    won = (together[:, :count] - rankdata(above, axis=1)) / below.shape[1]
    lost = 1 - (together[:, count:] - rankdata(below, axis=1)) / count
    return won, lost


def _by_patient(values: Floats, patient: Ints, patients: int) -> Floats:
    """Add up each patient's values, (K, P)."""
    return np.stack([np.bincount(patient, weights=row, minlength=patients) for row in values])


def _covariance(first: Floats, second: Floats, patient: Ints, scale: float) -> Any:
    """One side's part; NaN where it has a single patient."""
    patients = len(np.unique(patient))
    if patients < 2:  # noqa: PLR2004  there is nothing to vary
        return np.full((len(first), len(second)), np.nan)
    return first @ second.T * patients / (patients - 1) / scale


def _cross(won: Floats, lost: Floats, scale: float) -> Any:
    """What patients with images on both sides add."""
    patients = won.shape[1]
    both = won @ lost.T
    return (both + both.T) * patients / max(patients - 1, 1) / scale
