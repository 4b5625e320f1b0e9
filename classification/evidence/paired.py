"""Paired tests on predicted classes: whether two classifiers could be swapped, patient by patient.

Both rest on one idea: were the classifiers alike, each patient's predictions could as well be the
other's. McNemar's test counts hits exactly, the permutation test takes macro F1 at random swaps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from isnet_cxr.classification.evidence.delong import Difference
from isnet_cxr.classification.figures.figure import Floats, Ints

SWAPS_AT_ONCE = 1000


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_], patient: Ints) -> Difference:
    """McNemar's exact test of accuracy, two-sided, with patients as the unit.

    Each patient's surplus of hits may have either sign. With one image per patient this is
    McNemar's exact test; with several, its extension to clusters of any size.

    Args:
        first: Where the first classifier is right, (S, N): S training seeds, N images.
        second: Where the second is, (S, N).
        patient: Number of each image's patient, (N,).

    Returns:
        The difference of accuracies and its p-value.
    """
    surplus = np.atleast_2d(first).astype(int) - np.atleast_2d(second).astype(int)
    by_patient = np.bincount(patient, weights=surplus.sum(axis=0)).round().astype(int)
    squares = float((by_patient.astype(float) ** 2).sum())
    return Difference(
        float(surplus.mean()), float(np.sqrt(squares)) / surplus.size, _sign_flips(by_patient)
    )


def _sign_flips(surplus: Ints) -> float:
    """Probability that the sum with random signs is at least as far from zero as it is."""
    observed, sizes = abs(int(surplus.sum())), np.abs(surplus[surplus != 0])
    chances = np.ones(1)
    for size, patients in zip(*np.unique(sizes, return_counts=True), strict=True):
        own = np.zeros(size * patients + 1)  # of what those whose sign is positive add up to
        own[::size] = binom.pmf(np.arange(patients + 1), patients, 0.5)
        chances = np.convolve(chances, own)
    sums = 2 * np.arange(len(chances)) - int(sizes.sum())
    return float(min(1.0, chances[np.abs(sums) >= observed].sum()))


def permute_macro_f1(
    first: Ints, second: Ints, truth: Ints, patient: Ints, *, swaps: int = 10_000, seed: int = 0
) -> Difference:
    """Permutation test of macro F1: all predictions of a patient are swapped, or none.

    Args:
        first: Predicted classes of the first classifier, (S, N): S training seeds, N images.
        second: Of the second, (S, N).
        truth: Class indices, (N,).
        patient: Number of each image's patient, (N,).
        swaps: How many ways to swap are tried.
        seed: Of the swaps.

    Returns:
        The difference of macro F1, its standard deviation under no difference, and the p-value,
        which is at least 1 / (swaps + 1).
    """
    sides = [_tables(np.atleast_2d(side), truth, patient) for side in (first, second)]
    existing = [np.sum(truth == label) for label in np.unique(truth)]
    generator = np.random.default_rng(seed)
    patients = sides[0].shape[-1]
    drawn = np.concatenate(
        [
            _differences(sides, np.asarray(existing), generator.integers(2, size=(count, patients)))
            for count in _chunks(swaps)
        ]
    )
    observed = float(_differences(sides, np.asarray(existing), np.zeros((1, patients), int))[0])
    beyond = int((np.abs(drawn) >= abs(observed) - 1e-12).sum())
    return Difference(observed, float(drawn.std()), (beyond + 1) / (swaps + 1))


def _tables(predicted: Ints, truth: Ints, patient: Ints) -> NDArray[np.float64]:
    """Count each patient's hits and claims of every class, (S, 2, C, P)."""
    labels = np.unique(truth)
    counts = np.zeros((len(predicted), 2, len(labels), int(patient.max()) + 1))
    for seed, row in enumerate(predicted):
        for place, label in enumerate(labels):
            claimed = row == label
            counts[seed, 0, place] = _count(claimed & (truth == label), patient)
            counts[seed, 1, place] = _count(claimed, patient)
    return counts


def _count(chosen: NDArray[np.bool_], patient: Ints) -> NDArray[np.int64]:
    return np.bincount(patient[chosen], minlength=int(patient.max()) + 1)


def _differences(
    sides: Sequence[NDArray[np.float64]], existing: NDArray[np.int64], swap: Ints
) -> Floats:
    """Difference of macro F1, mean over seeds, of every way to swap, (B,)."""
    one, other = sides
    moved = (other - one) @ swap.T  # (S, 2, C, B)
    return _f1(one.sum(axis=-1)[..., np.newaxis] + moved, existing) - _f1(
        other.sum(axis=-1)[..., np.newaxis] - moved, existing
    )


def _f1(counts: Floats, existing: NDArray[np.int64]) -> Floats:
    hits, claimed = counts[:, 0], counts[:, 1]
    return np.asarray((2 * hits / (claimed + existing[:, np.newaxis])).mean(axis=(0, 1)))


def _chunks(swaps: int) -> list[int]:
    whole, rest = divmod(swaps, SWAPS_AT_ONCE)
    return [SWAPS_AT_ONCE] * whole + [rest] * bool(rest)
