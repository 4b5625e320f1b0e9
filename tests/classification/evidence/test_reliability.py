"""Calibration errors are what they are defined to be."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from isnet_cxr.classification.evidence.reliability import measure_reliability
from isnet_cxr.classification.temperature import apply_temperature, as_logits, fit_temperature


def drawn(images: int = 20_000, seed: int = 0):
    """Probabilities, and classes drawn by them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.7, 0.7, 0.7], size=images)
    below = probabilities.cumsum(axis=1) < generator.random((images, 1))
    return probabilities, np.minimum(below.sum(axis=1), 2)


def test_the_brier_score_is_scikit_learns():
    probabilities, truth = drawn(300)
    expected = brier_score_loss(truth, probabilities, labels=[0, 1, 2], scale_by_half=False)
    assert measure_reliability(probabilities, truth).brier == pytest.approx(expected)


def test_two_groups_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    found = measure_reliability(probabilities, np.array([0, 1, 1, 1]))
    assert found.ece == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert found.sure == pytest.approx([0.6, 0.9])
    assert found.right == pytest.approx([1.0, 0.5])
    assert list(found.images) == [2, 2]


def test_true_probabilities_have_hardly_an_error_and_sharpened_ones_do():
    probabilities, truth = drawn()
    sharpened = apply_temperature(probabilities, 0.4)
    assert measure_reliability(probabilities, truth).ece < 0.01
    assert measure_reliability(sharpened, truth).ece > 0.05
    temperature = fit_temperature(as_logits(sharpened), truth)
    mended = apply_temperature(sharpened, temperature)
    assert measure_reliability(mended, truth).ece < 0.01
    assert measure_reliability(mended, truth).brier < measure_reliability(sharpened, truth).brier


def test_certainty_belongs_to_the_last_group():
    found = measure_reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert (found.ece, found.brier) == (0, 0)
