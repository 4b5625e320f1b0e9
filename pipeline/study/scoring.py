"""Figures of classifiers on tests, and of pairs of classifiers, from predictions on disk."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from isnet_cxr.classification.statistics import compare_paired
from isnet_cxr.pipeline.study.seeds import score_seeds
from isnet_cxr.pipeline.study.trainings import Training


def score_tests(
    classes: Sequence[str],
    classifiers: Sequence[str],
    trainings: Sequence[Training],
    tests: Sequence[str],
) -> dict[str, Any]:
    """Score every classifier on every test.

    Args:
        classes: Class names, in the order of the networks' outputs.
        classifiers: Their names.
        trainings: All seeds of each.
        tests: Names of the tests.

    Returns:
        Figures by classifier and test, as ``score_seeds`` returns them.
    """
    scores: dict[str, Any] = {}
    for name in classifiers:
        own = [training for training in trainings if training.classifier == name]
        scores[name] = {
            test: score_seeds({one.seed: one.predictions(test) for one in own}, classes)
            for test in tests
        }
    return scores


def compare_pairs(
    classes: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    trainings: Sequence[Training],
    tests: Sequence[str],
) -> list[dict[str, Any]]:
    """Compare pairs of classifiers on every test, over patients and seeds.

    Returns:
        Of each pair ``first``, ``second`` and ``tests``: differences as ``compare_paired`` returns
        them.
    """
    return [
        {
            "first": first,
            "second": second,
            "tests": {
                test: compare_paired(
                    _predictions(first, trainings, test),
                    _predictions(second, trainings, test),
                    classes,
                )
                for test in tests
            },
        }
        for first, second in pairs
    ]


def _predictions(classifier: str, trainings: Sequence[Training], test: str) -> list[pd.DataFrame]:
    return [one.predictions(test) for one in trainings if one.classifier == classifier]
