"""Figures of merit of a classifier, their intervals, and paired comparisons.

Patients, not images, are resampled: images of one patient are no independent evidence.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def macro_f1(predicted: Ints, truth: Ints) -> float:
    """Mean F1 over the classes that occur in ``truth``; both (N,)."""
    scores = []
    for label in np.unique(truth):
        hits = float(np.sum((predicted == label) & (truth == label)))
        claimed, existing = float(np.sum(predicted == label)), float(np.sum(truth == label))
        scores.append(2 * hits / (claimed + existing))
    return float(np.mean(scores))


def macro_auc(probabilities: Floats, truth: Ints) -> float:
    """Mean one-against-rest area under the ROC curve, over classes with images on both sides.

    Args:
        probabilities: (N, C).
        truth: Class indices, (N,).

    Returns:
        In [0, 1]; NaN when ``truth`` holds fewer than two classes.
    """
    areas = []
    for label in range(probabilities.shape[1]):
        positive = truth == label
        positives, negatives = int(positive.sum()), int((~positive).sum())
        if positives and negatives:
            ranks = rankdata(probabilities[:, label])[positive].sum()
            areas.append((ranks - positives * (positives + 1) / 2) / (positives * negatives))
    return float(np.mean(areas)) if areas else float("nan")


def summarise(
    predictions: pd.DataFrame, classes: Sequence[str], *, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Score the predictions of one classifier on one test.

    Args:
        predictions: From ``evaluate_classifier``: one row per image.
        classes: Class names, in the order of the network's outputs.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.

    Returns:
        n, accuracy, macro_f1, macro_auc, recall (by class), confusion (rows: truth),
        relevance_inside_lungs, and ci95 (low and high of the first three and the last).
    """
    probabilities, predicted, truth = _as_arrays(predictions, classes)
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    share = predictions["relevance_inside_lungs"].to_numpy(dtype=float)
    figures = _figures(probabilities, truth, share)
    draws = [
        _figures(probabilities[rows], truth[rows], share[rows])
        for rows in _resample_patients(predictions, resamples, np.random.default_rng(seed))
    ]
    return {
        "n": len(predictions),
        **figures,
        "recall": {
            name: float(confusion[row, row] / confusion[row].sum())
            for row, name in enumerate(classes)
            if confusion[row].sum()
        },
        "confusion": confusion.tolist(),
        "ci95": {name: _interval([draw[name] for draw in draws]) for name in figures},
    }


def compare_paired(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> dict[str, Any]:
    """Compare two classifiers on the same images, over patients and seeds.

    Every bootstrap sample draws patients and training seeds with replacement, the same for both;
    ``p`` is the two-sided share of samples on the other side of no difference.

    Args:
        first: Predictions of one classifier, one frame per training seed.
        second: Of the other, for the same seeds, over the same images.
        classes: Class names, in the order of the network's outputs.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.

    Returns:
        For macro_auc, macro_f1 and accuracy: ``difference`` (first - second), ``ci95`` and ``p``.

    Raises:
        ValueError: If seeds or images differ.
    """
    images = [tuple(frame["image_id"]) for frame in (*first, *second)]
    if len(first) != len(second) or len(set(images)) != 1:
        raise ValueError("a paired comparison needs the same images and seeds on both sides")
    pairs = [
        (_as_arrays(one, classes), _as_arrays(other, classes))
        for one, other in zip(first, second, strict=True)
    ]
    generator = np.random.default_rng(seed)
    everything = np.arange(len(first[0]))
    samples = _resample_patients(first[0], resamples, generator)
    comparison = {}
    for name, figure in _COMPARED.items():
        differences = [
            np.mean([_difference(figure, pairs[number], rows) for number in numbers])
            for rows, numbers in zip(
                samples, generator.integers(len(pairs), size=(resamples, len(pairs))), strict=True
            )
        ]
        observed = np.mean([_difference(figure, pair, everything) for pair in pairs])
        tails = np.mean(np.asarray(differences) <= 0), np.mean(np.asarray(differences) >= 0)
        comparison[name] = {
            "difference": float(observed),
            "ci95": _interval(differences),
            "p": min(1.0, max(2 * float(min(tails)), 1 / resamples)),
        }
    return comparison


Arrays = tuple[Floats, Ints, Ints]

_COMPARED: dict[str, Callable[[Floats, Ints, Ints], float]] = {
    "macro_auc": lambda probabilities, predicted, truth: macro_auc(probabilities, truth),
    "macro_f1": lambda probabilities, predicted, truth: macro_f1(predicted, truth),
    "accuracy": lambda probabilities, predicted, truth: float(np.mean(predicted == truth)),
}


def _difference(
    figure: Callable[[Floats, Ints, Ints], float], pair: tuple[Arrays, Arrays], rows: Ints
) -> float:
    one, other = (
        figure(probabilities[rows], predicted[rows], truth[rows])
        for probabilities, predicted, truth in pair
    )
    return one - other


def _as_arrays(predictions: pd.DataFrame, classes: Sequence[str]) -> Arrays:
    """Return probabilities (N, C), predicted and true class indices (N,)."""
    probabilities = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    index = {name: number for number, name in enumerate(classes)}
    truth = predictions["label"].map(index).to_numpy(dtype=int)
    return probabilities, probabilities.argmax(axis=1), truth


def _figures(probabilities: Floats, truth: Ints, share: Floats) -> dict[str, float]:
    predicted = probabilities.argmax(axis=1)
    known = share[~np.isnan(share)]
    return {
        "accuracy": float(np.mean(predicted == truth)),
        "macro_f1": macro_f1(predicted, truth),
        "macro_auc": macro_auc(probabilities, truth),
        "relevance_inside_lungs": float(known.mean()) if len(known) else float("nan"),
    }


def _resample_patients(
    predictions: pd.DataFrame, resamples: int, generator: np.random.Generator
) -> list[Ints]:
    """Draw patients with replacement; return the rows of their images, one array per sample."""
    codes, patients = pd.factorize(predictions["patient_id"])
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    draws = generator.integers(len(patients), size=(resamples, len(patients)))
    return [np.concatenate([rows_of[patient] for patient in draw]) for draw in draws]


def _interval(values: Sequence[float] | Sequence[np.floating[Any]]) -> list[float]:
    """2.5 and 97.5 % quantiles of the values that are numbers."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not len(known):
        return [float("nan"), float("nan")]
    low, high = np.quantile(known, [0.025, 0.975])
    return [float(low), float(high)]
