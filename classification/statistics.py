"""A classifier's predictions summed up: figures of merit, their intervals, paired comparisons.

Patients, not images, are resampled: images of one patient are no independent evidence. Where there
are several training seeds, they are resampled as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.classification.figures import FIGURES, Figure, Scored
from isnet_cxr.data.errors import InputError

Ints = NDArray[np.integer[Any]]
DESCRIBING = ("image_id", "patient_id", "dataset", "label", "predicted")
"""Columns of the predictions that say which image it is and what was said; no outputs."""

EVIDENCE = (
    "relevance_rank_inside_lungs", "log_odds", "relevance_net_inside_lungs", "relevance_gross",
)  # fmt: skip
"""Columns whose means say nothing: what is made of them image by image is a study's reliance."""


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
        n, every figure of ``FIGURES``, recall (by class), confusion (rows: truth), outputs (means
        of further columns) and ci95 (low and high of every figure).
    """
    scored = as_scored(predictions, classes)
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (scored.truth, scored.predicted), 1)
    return {
        "n": len(predictions),
        **{name: float(figure.measure(scored)) for name, figure in FIGURES.items()},
        "recall": {
            name: float(confusion[row, row] / confusion[row].sum())
            for row, name in enumerate(classes)
            if confusion[row].sum()
        },
        "confusion": confusion.tolist(),
        "outputs": mean_outputs(predictions, classes),
        "ci95": intervals([predictions], classes, seed=seed, resamples=resamples),
    }


def intervals(
    predictions: Sequence[pd.DataFrame],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, list[float]]:
    """Return 95 % intervals of the mean over seeds of every figure that these images have.

    Every bootstrap sample draws patients and training seeds with replacement.

    Args:
        predictions: One frame per training seed, over the same images.
        classes: Class names, in the order of the network's outputs.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.

    Raises:
        ValueError: If the seeds were tested on different images.
    """
    _check_same_images(predictions, "an interval over seeds")
    scored = [as_scored(frame, classes) for frame in predictions]
    draws: dict[str, list[float]] = {name: [] for name in FIGURES}
    for rows, seeds in _resample(predictions[0], len(scored), resamples, seed):
        drawn, counts = np.unique(seeds, return_counts=True)
        parts = [scored[number].at(rows) for number in drawn]
        for name, figure in FIGURES.items():
            draws[name].append(_mean([figure.measure(part) for part in parts], counts))
    return {
        name: _interval(draws[name])
        for name, figure in FIGURES.items()
        if any(not np.isnan(figure.measure(one)) for one in scored)
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
        For every figure that is compared and that these images have: ``difference`` (first -
        second), ``ci95`` and ``p``.

    Raises:
        ValueError: If seeds or images differ.
    """
    if len(first) != len(second):
        raise ValueError("a paired comparison needs the same seeds on both sides")
    _check_same_images([*first, *second], "a paired comparison")
    pairs = [
        (as_scored(one, classes), as_scored(other, classes))
        for one, other in zip(first, second, strict=True)
    ]
    samples = _resample(first[0], len(pairs), resamples, seed)
    compared = {
        name: _compare(figure, pairs, samples)
        for name, figure in FIGURES.items()
        if figure.compared
    }
    return {name: own for name, own in compared.items() if not np.isnan(own["difference"])}


def as_scored(predictions: pd.DataFrame, classes: Sequence[str]) -> Scored:
    """Turn a table of predictions into what figures are measured on.

    Raises:
        InputError: If a figure needs a column that the predictions lack.
    """
    needed = {column for figure in FIGURES.values() for column in figure.inputs}
    if missing := sorted(needed - set(predictions)):
        raise InputError(f"predictions have no column {missing[0]!r}, which a figure needs")
    probabilities = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    index = {name: number for number, name in enumerate(classes)}
    return Scored(
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        truth=predictions["label"].map(index).to_numpy(dtype=int),
        columns={name: predictions[name].to_numpy() for name in sorted(needed)},
    )


def mean_outputs(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    """Average the numeric columns that nothing else accounts for: a predictor's further outputs."""
    known = {*DESCRIBING, *EVIDENCE, *(f"p_{name}" for name in classes)}
    known |= {column for figure in FIGURES.values() for column in figure.inputs}
    numbers = predictions.select_dtypes(["number", "bool"])
    return {str(name): float(numbers[name].mean()) for name in numbers if name not in known}


Sample = tuple[Ints, Ints]


def _compare(
    figure: Figure, pairs: Sequence[tuple[Scored, Scored]], samples: Sequence[Sample]
) -> dict[str, Any]:
    differences = [
        float(np.mean([_difference(figure, pairs[number], rows) for number in numbers]))
        for rows, numbers in samples
    ]
    everything = np.arange(len(pairs[0][0].truth))
    observed = np.mean([_difference(figure, pair, everything) for pair in pairs])
    known = np.asarray([value for value in differences if not np.isnan(value)] or [np.nan])
    tails = np.mean(known <= 0), np.mean(known >= 0)
    return {
        "difference": float(observed),
        "ci95": _interval(differences),
        "p": min(1.0, max(2 * float(min(tails)), 1 / len(samples))),
    }


def _difference(figure: Figure, pair: tuple[Scored, Scored], rows: Ints) -> float:
    one, other = (figure.measure(scored.at(rows)) for scored in pair)
    return one - other


def _check_same_images(frames: Sequence[pd.DataFrame], what: str) -> None:
    if len({tuple(frame["image_id"]) for frame in frames}) != 1:
        raise ValueError(f"{what} needs the same images for every training")


def _resample(predictions: pd.DataFrame, seeds: int, resamples: int, seed: int) -> list[Sample]:
    """Draw patients and seeds with replacement: rows of images, and numbers of ``seeds`` seeds."""
    generator = np.random.default_rng(seed)
    codes, patients = pd.factorize(predictions["patient_id"])
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    draws = generator.integers(len(patients), size=(resamples, len(patients)))
    rows = [np.concatenate([rows_of[patient] for patient in draw]) for draw in draws]
    return list(zip(rows, generator.integers(seeds, size=(resamples, seeds)), strict=True))


def _mean(values: Sequence[float], counts: Ints) -> float:
    """Average the values that are numbers, each as often as it was drawn."""
    drawn = np.asarray(values, dtype=float)
    known = ~np.isnan(drawn)
    return float(np.average(drawn[known], weights=counts[known])) if known.any() else float("nan")


def _interval(values: Sequence[float]) -> list[float]:
    """2.5 and 97.5 % quantiles of the values that are numbers."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not len(known):
        return [float("nan"), float("nan")]
    low, high = np.quantile(known, [0.025, 0.975])
    return [float(low), float(high)]
