"""What share of the gap between baseline and ceiling each classifier closes on a test."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.evidence.gap import Sampled, sample, sample_folds, share_closed
from isnet_cxr.classification.figures import FIGURES, Figure, Scored
from isnet_cxr.classification.figures.figure import Ints
from isnet_cxr.classification.resampling import draw_resamples
from isnet_cxr.classification.statistics import as_scored
from isnet_cxr.pipeline.study.ceilings import Ceiling
from isnet_cxr.pipeline.study.evidence.tested import Predictions

RESAMPLES = 2000
PAIR = 2


def measure_gaps(
    ceilings: Sequence[Ceiling], tested: Mapping[str, Mapping[str, Predictions]]
) -> dict[str, Any]:
    """Place every classifier between the baseline and the ceiling of a test.

    Patients and seeds are drawn together for all three, so that the intervals are of paired
    differences. The figure is the AUC between the test's two classes, or macro AUC where it has
    more, as everywhere in a study.

    Args:
        ceilings: Finished.
        tested: By classifier and test, over the same seeds.

    Returns:
        By test: ``figure`` (its key), ``baseline`` (its name), ``classes``, ``images``,
        ``reached`` (the figure: ``baseline`` and ``ceiling``), ``gap``, ``folds`` (the figure by
        fold and seed), and by classifier ``gained`` over the baseline and ``closed``, the share of
        the gap, whose value is NaN where there is no gap to close. Each a ``value`` and its
        ``ci95``.
    """
    return {
        one.test: _measure(one, {name: own[one.test] for name, own in tested.items()})
        for one in ceilings
    }


def out_of_fold(ceiling: Ceiling, images: "pd.Series[str]") -> tuple[list[Scored], Ints]:
    """Return what each seed predicts of images by their ids, (N,), and each one's fold, (N,)."""
    seeds = dict.fromkeys(fold.seed for fold in ceiling.folds)
    frames = [
        ceiling.predictions(seed).set_index("image_id", drop=False).loc[list(images)]
        for seed in seeds
    ]
    scored = [as_scored(frame, ceiling.classes) for frame in frames]
    return scored, frames[0]["fold"].to_numpy(dtype=int)


def describe(sampled: Sampled | None) -> dict[str, Any]:
    """Return a figure's ``value`` and ``ci95`` for the summary; NaN for what there is not."""
    if sampled is None:
        return {"value": np.nan, "ci95": [np.nan, np.nan]}
    return {"value": sampled.value, "ci95": sampled.ci95}


def _measure(ceiling: Ceiling, tested: Mapping[str, Predictions]) -> dict[str, Any]:
    figure = FIGURES[_figure(ceiling)]
    own = tested[ceiling.baseline]
    samples = draw_resamples(
        own.images["patient_id"], seeds=len(own.probabilities), resamples=RESAMPLES, seed=0
    )
    reached = {name: sample(figure, one.scored, samples) for name, one in tested.items()}
    baseline = reached.pop(ceiling.baseline)
    highest = sample_folds(figure, *out_of_fold(ceiling, own.images["image_id"]), samples)
    gap = highest - baseline
    return {
        "figure": _figure(ceiling),
        "baseline": ceiling.baseline,
        "classes": list(ceiling.classes),
        "images": len(own.truth),
        "reached": {"baseline": describe(baseline), "ceiling": describe(highest)},
        "gap": describe(gap),
        "folds": _by_fold(ceiling, figure),
        "gained": {name: describe(one - baseline) for name, one in reached.items()},
        "closed": {
            name: describe(share_closed(one - baseline, gap)) for name, one in reached.items()
        },
    }


def _by_fold(ceiling: Ceiling, figure: Figure) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for fold in ceiling.folds:
        scored = as_scored(fold.predictions(ceiling.test), ceiling.classes)
        values.setdefault(str(fold.number), {})[str(fold.seed)] = float(figure.measure(scored))
    return values


def _figure(ceiling: Ceiling) -> str:
    return "pair_auc" if len(ceiling.classes) == PAIR else "macro_auc"
