"""Accuracy by coverage."""

import numpy as np
import pytest

from isnet_cxr.classification.evidence.abstention import (
    COVERAGES,
    accuracy_by_coverage,
    accuracy_of_answered,
)


def test_the_least_doubtful_are_answered_first():
    doubt = np.arange(10.0)
    right = doubt < 5
    assert accuracy_by_coverage(doubt, right) == pytest.approx(
        [1, 1, 1, 1, 1, 5 / 6, 5 / 7, 5 / 8, 5 / 9, 5 / 10]
    )


def test_the_order_of_images_does_not_count():
    generator = np.random.default_rng(0)
    doubt, right = generator.integers(4, size=90).astype(float), generator.random(90) < 0.6
    order = generator.permutation(90)
    assert accuracy_by_coverage(doubt, right) == accuracy_by_coverage(doubt[order], right[order])


def test_equal_or_unknown_doubt_makes_no_difference():
    right = np.arange(8) % 2 == 0
    for doubt in (np.zeros(8), np.full(8, np.nan)):
        assert accuracy_by_coverage(doubt, right) == pytest.approx([0.5] * len(COVERAGES))
    unknown_last = accuracy_by_coverage(np.where(right, 0, np.nan), right)
    assert unknown_last[4] == 1


def test_what_is_not_answered_is_told_too():
    answered = np.array([True, True, False, False])
    told = accuracy_of_answered(answered, np.array([True, True, True, False]))
    assert told == {"coverage": 0.5, "accuracy": 1.0, "abstained": 0.5}
    assert np.isnan(accuracy_of_answered(~np.zeros(4, bool), np.ones(4, bool))["abstained"])
