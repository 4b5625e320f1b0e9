"""A classifier's predictions summed up: figures of merit, their intervals, paired comparisons.

Patients, not images, are resampled: images of one patient are no independent evidence. Where there
are several training seeds, they are resampled as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.figures import FIGURES, Figure, Scored
from isnet_cxr.classification.figures.figure import Floats
from isnet_cxr.classification.resampling import draw_resamples, quantiles
from isnet_cxr.data.errors import InputError

DESCRIBING = ("image_id", "patient_id", "dataset", "label", "predicted", "strangeness")
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
    return summarise_seeds([predictions], classes, seed=seed, resamples=resamples)[0][0]


def summarise_seeds(
    predictions: Sequence[pd.DataFrame],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Score the predictions of every training seed on one test.

    Args:
        predictions: One frame per training seed, over the same images.
        classes: Class names, in the order of the network's outputs.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples; each draws patients and training seeds with
            replacement.

    Returns:
        What ``summarise`` returns, for each seed; and of the mean over seeds ``ci95`` and
        ``spread``: for every figure that these images have its standard deviation over
        ``patients`` (bootstrap, seeds held) and over ``seeds`` (of one seed's figure; NaN where
        there is one seed).

    Raises:
        ValueError: If the seeds were tested on different images.
    """
    _check_same_images(predictions, "an interval over seeds")
    scored = [as_scored(frame, classes) for frame in predictions]
    samples = draw_resamples(
        predictions[0]["patient_id"], seeds=len(scored), resamples=resamples, seed=seed
    )
    observed = {name: [float(f.measure(one)) for one in scored] for name, f in FIGURES.items()}
    shown = {name: f for name, f in FIGURES.items() if not np.isnan(observed[name]).all()}
    drawn = dict(zip(shown, samples.of(list(shown.values()), scored), strict=True))
    own = [
        _describe(frame, one, classes)
        | {name: values[number] for name, values in observed.items()}
        | {"ci95": {n: quantiles(v[number]) for n, v in drawn.items() if _has(observed, n, number)}}
        for number, (frame, one) in enumerate(zip(predictions, scored, strict=True))
    ]
    pooled = {name: quantiles(samples.over_seeds(values)) for name, values in drawn.items()}
    spread = {name: _spread(observed[name], values) for name, values in drawn.items()}
    return own, {"ci95": pooled, "spread": spread}


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
    sides = [[as_scored(frame, classes) for frame in side] for side in (first, second)]
    samples = draw_resamples(
        first[0]["patient_id"], seeds=len(first), resamples=resamples, seed=seed
    )
    compared = {name: figure for name, figure in FIGURES.items() if figure.compared}
    observed = {name: _mean_difference(figure, *sides) for name, figure in compared.items()}
    shown = {name: f for name, f in compared.items() if not np.isnan(observed[name])}
    one, other = (samples.of(list(shown.values()), side) for side in sides)
    return {
        name: _compare(observed[name], samples.over_seeds(drawn, strict=True))
        for name, drawn in zip(shown, one - other, strict=True)
    }


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
    known |= {f"calibrated_p_{name}" for name in classes}
    known |= {column for figure in FIGURES.values() for column in figure.inputs}
    numbers = predictions.select_dtypes(["number", "bool"])
    return {str(name): float(numbers[name].mean()) for name in numbers if name not in known}


def _describe(predictions: pd.DataFrame, scored: Scored, classes: Sequence[str]) -> dict[str, Any]:
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (scored.truth, scored.predicted), 1)
    return {
        "n": len(predictions),
        "recall": {
            name: float(confusion[row, row] / confusion[row].sum())
            for row, name in enumerate(classes)
            if confusion[row].sum()
        },
        "confusion": confusion.tolist(),
        "outputs": mean_outputs(predictions, classes),
    }


def _has(observed: Mapping[str, Sequence[float]], name: str, number: int) -> bool:
    return not np.isnan(observed[name][number])


def _spread(observed: Sequence[float], drawn: Floats) -> dict[str, float]:
    """Standard deviations of the mean over patients, and of one seed's figure over seeds."""
    known = drawn[~np.isnan(observed)]
    seeds = np.asarray(observed)[~np.isnan(observed)]
    return {
        "patients": float(np.nanstd(known.mean(axis=0))),
        "seeds": float(seeds.std(ddof=1)) if len(seeds) > 1 else float("nan"),
    }


def _mean_difference(figure: Figure, first: Sequence[Scored], second: Sequence[Scored]) -> float:
    pairs = zip(first, second, strict=True)
    return float(np.mean([figure.measure(one) - figure.measure(other) for one, other in pairs]))


def _compare(observed: float, drawn: Floats) -> dict[str, Any]:
    """Describe a difference by its value and those of the bootstrap samples, (B,)."""
    known = drawn[~np.isnan(drawn)]
    tails = (np.mean(known <= 0), np.mean(known >= 0)) if len(known) else (1.0, 1.0)
    return {
        "difference": observed,
        "ci95": quantiles(drawn),
        "p": min(1.0, max(2 * float(min(tails)), 1 / len(drawn))),
    }


def _check_same_images(frames: Sequence[pd.DataFrame], what: str) -> None:
    if len({tuple(frame["image_id"]) for frame in frames}) != 1:
        raise ValueError(f"{what} needs the same images for every training")
