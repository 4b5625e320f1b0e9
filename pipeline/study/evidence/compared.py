"""Tests of differences between classifiers, all p-values of a study adjusted together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.classification.evidence.delong import compare_areas, measure_areas
from isnet_cxr.classification.evidence.multiplicity import holm
from isnet_cxr.classification.evidence.paired import mcnemar, permute_macro_f1
from isnet_cxr.classification.evidence.sizes import SHOWN, count_patients
from isnet_cxr.classification.figures.figure import Ints
from isnet_cxr.pipeline.study.evidence.tested import Predictions


def compare_classifiers(
    pairs: Sequence[Sequence[str]],
    tested: Mapping[str, Mapping[str, Predictions]],
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """Test every pair on every test: DeLong by class, McNemar, permutation of macro F1.

    DeLong's error holds for many patients: a class with fewer than ``SHOWN`` on a side is not
    tested by it.

    Args:
        pairs: Names of the classifiers compared.
        tested: By classifier and test.
        classes: Class names.

    Returns:
        A row each: first, second, test, kind, class (empty for all), difference, error, p and
        ``holm``, adjusted over all rows.
    """
    rows = [
        {"first": first, "second": second, "test": test, **row}
        for first, second in pairs
        for test, one in tested[first].items()
        for row in _compare(one, tested[second][test], classes)
    ]
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["holm"] = adjusted
    return rows


def _enough(positive: NDArray[np.bool_], patient: Ints) -> bool:
    return min(count_patients(side, patient) for side in (positive, ~positive)) >= SHOWN


def _compare(one: Predictions, other: Predictions, classes: Sequence[str]) -> list[dict[str, Any]]:
    seeds = len(one.probabilities)
    weights = np.repeat([1 / seeds, -1 / seeds], seeds)
    rows = []
    for number, name in enumerate(classes):
        positive = one.truth == number
        if _enough(positive, one.patient):
            scores = np.concatenate([side.probabilities[:, :, number] for side in (one, other)])
            areas = measure_areas(scores, positive, one.patient)
            rows.append({"kind": "DeLong", "class": name, **asdict(compare_areas(areas, weights))})
    hits = mcnemar(one.predicted == one.truth, other.predicted == one.truth, one.patient)
    f1 = permute_macro_f1(one.predicted, other.predicted, one.truth, one.patient)
    rows.append({"kind": "McNemar", "class": "", **asdict(hits)})
    rows.append({"kind": "permutation", "class": "", **asdict(f1)})
    return rows
