"""The standard figures on many resamples at once.

A resample is how often it holds each image. Images are sorted, and classes compared, once for all
resamples; what is left are sums, (N, B) at a time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.figures.figure import Floats, Ints

Counts = Floats
"""How often each of B resamples holds each of N images, (N, B)."""


def mean(values: NDArray[Any], counts: Counts) -> Floats:
    """Average values, (N,), over the images that have one; NaN where a resample has none, (B,)."""
    known = ~np.isnan(values.astype(float))
    return _ratio(values[known].astype(float) @ counts[known], counts[known].sum(axis=0))


def macro_f1(predicted: Ints, truth: Ints, counts: Counts) -> Floats:
    """Mean F1 over the classes that each resample has, (B,)."""
    total, classes = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for label in np.unique(truth):
        claimed, existing = predicted == label, truth == label
        weights = np.stack([2.0 * (claimed & existing), 1.0 * claimed + existing, 1.0 * existing])
        hits, both, held = weights @ counts
        total += np.where(held > 0, hits / np.maximum(both, 1), 0)
        classes += held > 0
    return _ratio(total, classes)


def macro_auc(probabilities: Floats, truth: Ints, counts: Counts) -> Floats:
    """Mean area, one class against the rest, over classes with images on both sides, (B,)."""
    areas = np.stack(
        [auc(scores, truth == label, counts) for label, scores in enumerate(probabilities.T)]
    )
    known = ~np.isnan(areas)
    return _ratio(np.where(known, areas, 0).sum(axis=0), known.sum(axis=0))


def pair_auc(probabilities: Floats, truth: Ints, counts: Counts) -> Floats:
    """Area between the two classes of a test that has two, (B,); NaN for any other test."""
    present = np.unique(truth)
    if len(present) != 2:  # noqa: PLR2004
        return np.full(counts.shape[1], np.nan)
    return auc(log_odds(probabilities, present), truth == present[1], counts)


def auc(scores: Floats, positive: NDArray[np.bool_], counts: Counts) -> Floats:
    """Area under the ROC curve; ties count half.

    Args:
        scores: (N,); more speaks for positive.
        positive: (N,).
        counts: (N, B).

    Returns:
        (B,), NaN where a resample lacks positive or negative images.
    """
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    above = above[np.argsort(scores[above], kind="stable")]
    below = below[np.argsort(scores[below], kind="stable")]
    up, down = counts[above], np.empty((len(below) + 1, counts.shape[1]))
    down[0] = 0
    np.cumsum(counts[below], axis=0, out=down[1:])
    less, least = (np.searchsorted(scores[below], scores[above], s) for s in ("left", "right"))
    won = np.einsum("nb,nb->b", up, down[less])
    tied = np.flatnonzero(less != least)
    if len(tied):
        won += np.einsum("nb,nb->b", up[tied], down[least[tied]] - down[less[tied]]) / 2
    return _ratio(won, up.sum(axis=0) * down[-1])


def log_odds(probabilities: Floats, pair: Ints) -> Floats:
    """Log-odds of the second class of ``pair`` against the first, (N,)."""
    two = np.log(np.clip(probabilities[:, pair], 1e-12, None))
    return np.asarray(two[:, 1] - two[:, 0])


def _ratio(above: Floats, below: NDArray[Any]) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    parts = np.full(above.shape, np.nan)
    np.divide(above, below, out=parts, where=below > 0)
    return parts
