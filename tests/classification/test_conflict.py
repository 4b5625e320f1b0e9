"""Conflict groups: where a control that sees the background alone is wrong."""

import numpy as np
import pytest

from isnet_cxr.classification.conflict import in_conflict


def test_two_classes_are_divided_at_the_median_of_the_log_odds():
    generator = np.random.default_rng(0)
    odds = generator.normal(2.0, 1.0, 101)  # the control calls nearly all of them class 1
    p = 1 / (1 + np.exp(-odds))
    truth = generator.integers(0, 2, 101)
    conflict = in_conflict(np.stack([1 - p, p], axis=1), truth)
    suggested = (odds > np.median(odds)).astype(int)
    assert (conflict == (suggested != truth)).sum() >= 100  # the median itself may fall either way


def test_a_shift_of_a_whole_hospital_changes_nothing():
    generator = np.random.default_rng(1)
    logits, truth = generator.normal(size=(200, 3)), generator.integers(0, 3, 200)

    def softmax(z):
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    first = in_conflict(softmax(logits), truth)
    second = in_conflict(softmax(logits + np.asarray([3.0, 0.0, -1.0])), truth)
    assert (first == second).all()
    assert 0.4 < first.mean() < 0.9


def test_classes_that_the_test_lacks_do_not_count():
    p = np.asarray([[0.1, 0.1, 0.8], [0.3, 0.1, 0.6], [0.1, 0.3, 0.6], [0.2, 0.1, 0.7]])
    truth = np.asarray([0, 0, 1, 1])
    assert not in_conflict(p, truth)[1:3].any()
    assert in_conflict(p, truth)[3]


@pytest.mark.parametrize("truth", [[1, 1, 1]])
def test_a_single_class_has_no_conflict(truth):
    assert not in_conflict(np.full((3, 3), 1 / 3), np.asarray(truth)).any()
