"""Each class against the others on a test: area, curve, and what the fixed threshold does."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.evidence.operating import (
    PREVALENCES,
    Operating,
    operate,
    predictive_values,
)
from isnet_cxr.classification.evidence.sizes import count_patients, size_warning
from isnet_cxr.classification.figures.figure import Floats
from isnet_cxr.classification.figures.weighted import auc
from isnet_cxr.classification.resampling import draw_resamples, quantiles
from isnet_cxr.pipeline.study.evidence.tested import Predictions

RESAMPLES, CURVE_RESAMPLES = 1000, 200
GRID = np.linspace(0, 1, 41)
"""False positive rates at which a curve is kept."""

STEPS = 100
"""A resampled curve is drawn through so many thresholds."""


def describe_classes(tested: Predictions, classes: Sequence[str]) -> dict[str, Any]:
    """Describe every class that has images on both sides, means over seeds."""
    described = {}
    for number, name in enumerate(classes):
        positive = tested.truth == number
        if positive.any() and not positive.all():
            described[name] = _describe(tested, number, positive)
    return described


def _describe(tested: Predictions, number: int, positive: NDArray[np.bool_]) -> dict[str, Any]:
    scores = tested.probabilities[:, :, number]
    cases, others = (count_patients(side, tested.patient) for side in (positive, ~positive))
    area, curve = _resample(tested, scores, positive)
    thresholds = tested.fixed.thresholds[:, number]
    described = {
        "patients": [cases, others],
        "warning": size_warning(cases, others),
        "auc": area,
        "roc": curve,
    }
    if np.isnan(thresholds).any():
        return described
    point = operate(scores, positive, thresholds, tested.patient)
    adjusted = {str(share): _where_rarer(point, share) for share in PREVALENCES}
    return described | {
        "threshold": float(thresholds.mean()),
        **asdict(point),
        "at_prevalence": adjusted,
    }


def _where_rarer(point: Operating, share: float) -> dict[str, dict[str, float]]:
    """Return PPV and NPV where ``share`` are cases, and what they are at the least.

    Both rise with sensitivity and specificity: at the least, these are at the ends of their
    intervals. A test without a false alarm has a PPV of 1, however few images it has.
    """
    values = predictive_values(point.sensitivity.value, point.specificity.value, share)
    least = predictive_values(point.sensitivity.low, point.specificity.low, share)
    both = zip(("ppv", "npv"), values, least, strict=True)
    return {name: {"value": value, "low": low} for name, value, low in both}


def _resample(
    tested: Predictions, scores: Floats, positive: NDArray[np.bool_]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return the area and the curve, mean over seeds, with their 95 % intervals."""
    samples = draw_resamples(
        tested.images["patient_id"], seeds=len(scores), resamples=RESAMPLES, seed=0
    )
    areas = np.concatenate(
        [np.stack([auc(row, positive, counts) for row in scores]) for counts in samples.parts()],
        axis=1,
    )
    everything = np.ones((len(positive), 1))
    observed = float(np.mean([auc(row, positive, everything)[0] for row in scores]))
    low, high = quantiles(samples.over_seeds(areas))
    fewer = draw_resamples(
        tested.images["patient_id"], seeds=len(scores), resamples=CURVE_RESAMPLES, seed=0
    )
    curves = [
        np.stack([_curves(row, positive, counts) for row in scores]) for counts in fewer.parts()
    ]
    drawn = np.concatenate(curves, axis=2)  # (S, grid, B)
    means = np.stack([fewer.over_seeds(drawn[:, place]) for place in range(len(GRID))])
    bands = [quantiles(row) for row in means]
    middle = np.mean([_curves(row, positive, everything)[:, 0] for row in scores], axis=0)
    return {"value": observed, "low": low, "high": high}, {
        "false": [float(value) for value in GRID],
        "true": [float(value) for value in middle],
        "low": [band[0] for band in bands],
        "high": [band[1] for band in bands],
    }


def _curves(scores: Floats, positive: NDArray[np.bool_], counts: Floats) -> Floats:
    """Sensitivity of every resample at the false positive rates of ``GRID``, (grid, B)."""
    order = np.argsort(-scores, kind="stable")
    counts, positive, scores = counts[order], positive[order], scores[order]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, STEPS).astype(int))]
    starts = np.r_[0, chosen[:-1] + 1]
    up = np.add.reduceat(counts * positive[:, np.newaxis], starts, axis=0).cumsum(axis=0)
    down = np.add.reduceat(counts * ~positive[:, np.newaxis], starts, axis=0).cumsum(axis=0)
    found = np.full((len(GRID), counts.shape[1]), np.nan)
    for number in np.flatnonzero((up[-1] > 0) & (down[-1] > 0)):
        false, true = (np.r_[0, side[:, number] / side[-1, number]] for side in (down, up))
        found[:, number] = np.interp(GRID, false, true)
    return found
