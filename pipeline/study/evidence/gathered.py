"""All evidence of a study, from its trainings' predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isnet_cxr.pipeline.study.ceilings import Ceiling
from isnet_cxr.pipeline.study.evidence.classes import describe_classes
from isnet_cxr.pipeline.study.evidence.compared import compare_classifiers
from isnet_cxr.pipeline.study.evidence.gaps import measure_gaps
from isnet_cxr.pipeline.study.evidence.matrix import build_matrix, name_confounded
from isnet_cxr.pipeline.study.evidence.sureness import (
    describe_abstention,
    describe_calibration,
    describe_local_normals,
)
from isnet_cxr.pipeline.study.evidence.tested import Predictions, by_classifier, fix, read_tested
from isnet_cxr.pipeline.study.trainings import Training


def gather_evidence(
    trainings: Sequence[Training],
    classes: Sequence[str],
    *,
    development: pd.DataFrame,
    tests: Mapping[str, pd.DataFrame],
    compared: Sequence[Sequence[str]],
    ceilings: Sequence[Ceiling] = (),
) -> dict[str, Any]:
    """Describe every classifier on every test, and test the differences that were asked for.

    Args:
        trainings: On the whole development set, finished.
        classes: Class names.
        development: Manifest of the development set.
        tests: Manifest of each test, ``internal`` first.
        compared: Pairs of classifiers.
        ceilings: Of tests, finished.

    Returns:
        ``matrix``, ``classes`` (classifier, test, class), ``tests`` (rows), ``temperatures`` (by
        classifier, one for each seed), ``calibration``, ``abstention`` and ``local_normals`` (all
        by classifier and test), ``confounded``: what the development set cannot tell apart, and
        ``ceilings``: which share of the gap to a ceiling is closed (by test and classifier).
    """
    tested = {name: _read(own, classes, tests) for name, own in by_classifier(trainings).items()}
    evidence: dict[str, Any] = {
        "confounded": name_confounded(development[development["label"].isin(classes)]),
        "temperatures": {
            name: list(next(iter(own.values())).fixed.temperatures) for name, own in tested.items()
        },
        "classes": _each(tested, lambda one: describe_classes(one, classes)),
        "calibration": _each(tested, describe_calibration),
        "abstention": _each(tested, describe_abstention),
        "local_normals": _each(tested, lambda one: describe_local_normals(one, classes)),
        "tests": compare_classifiers(compared, tested, classes),
        "ceilings": measure_gaps(ceilings, tested),
    }
    return evidence | {"matrix": build_matrix(tested, tests, classes)} if tested else evidence


def _read(
    trainings: Sequence[Training], classes: Sequence[str], tests: Mapping[str, pd.DataFrame]
) -> dict[str, Predictions]:
    fixed = fix(trainings, classes)
    return {
        test: read_tested(trainings, classes, test, images, fixed) for test, images in tests.items()
    }


def _each(tested: Mapping[str, Mapping[str, Predictions]], describe: Any) -> dict[str, Any]:
    return {
        name: {test: describe(one) for test, one in by_test.items()}
        for name, by_test in tested.items()
    }
