"""How sure a classifier is, and may be: calibration, abstention, and local normal images."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from isnet_cxr.classification.evidence.abstention import accuracy_by_coverage, accuracy_of_answered
from isnet_cxr.classification.evidence.local_normals import adapt
from isnet_cxr.classification.evidence.reliability import measure_reliability
from isnet_cxr.classification.temperature import apply_temperature
from isnet_cxr.data.gate.verdict import DOUBTFUL, REFUSED
from isnet_cxr.pipeline.study.evidence.tested import NORMAL, Predictions


def describe_calibration(tested: Predictions) -> dict[str, Any]:
    """Measure calibration as predicted, and after the temperatures of the seeds; seeds pooled."""
    cooled = [
        apply_temperature(own, temperature)
        for own, temperature in zip(tested.probabilities, tested.fixed.temperatures, strict=True)
    ]
    truth = np.tile(tested.truth, len(cooled))
    return {
        "as_predicted": asdict(measure_reliability(np.concatenate(tested.probabilities), truth)),
        "calibrated": asdict(measure_reliability(np.concatenate(cooled), truth)),
    }


def describe_abstention(tested: Predictions) -> dict[str, Any]:
    """Tell accuracy by coverage for doubts that are numbers, and of verdicts; seeds pooled.

    Only what the predictions have: images without a gate verdict or mask quality tell nothing.
    """
    seeds = len(tested.probabilities)
    right = (tested.predicted == tested.truth).ravel()
    doubts = {"probability": 1 - tested.probabilities.max(axis=2).ravel()}
    strange = tested.images["strangeness"].to_numpy(dtype=float)
    if not np.isnan(strange).all():
        doubts["strangeness"] = np.tile(strange, seeds)
    verdicts = {}
    if tested.images["gate"].notna().all():
        gate = np.tile(tested.images["gate"].to_numpy(), seeds)
        verdicts["gate refuses"] = gate != REFUSED
        verdicts["gate refuses or doubts"] = ~np.isin(gate, [REFUSED, DOUBTFUL])
    quality = np.tile(tested.images["mask_quality"].to_numpy(), seeds)
    if (quality != "").any():
        verdicts["lung mask failed"] = quality != "failed"
        verdicts["lung mask failed or doubtful"] = ~np.isin(quality, ["failed", "doubtful"])
    return {
        "by_coverage": {name: accuracy_by_coverage(own, right) for name, own in doubts.items()},
        "reasons": {name: accuracy_of_answered(own, right) for name, own in verdicts.items()},
    }


def describe_local_normals(tested: Predictions, classes: Sequence[str]) -> dict[str, Any] | None:
    """Tell what local normal images mend; None where that cannot be told."""
    if NORMAL not in classes or len(tested.fixed.normal_recall) != len(tested.probabilities):
        return None
    adapted = adapt(
        tested.probabilities, tested.truth, tested.patient,
        normal=list(classes).index(NORMAL), recall=tested.fixed.normal_recall,
    )  # fmt: skip
    return None if adapted is None else asdict(adapted) | {"accuracy": list(adapted.accuracy)}
