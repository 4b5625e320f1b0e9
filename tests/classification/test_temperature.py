"""Temperature scaling finds the temperature that was planted, and moves no class past another."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from isnet_cxr.classification.temperature import apply_temperature, as_logits, fit_temperature


def drawn(*, temperature: float, images: int = 20000, seed: int = 0):
    """Logits that are ``temperature`` times as large as they should be, and labels by the right."""
    generator = np.random.default_rng(seed)
    right = 2 * generator.normal(size=(images, 3))
    noise = generator.gumbel(size=right.shape)
    return right * temperature, (right + noise).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_planted_temperature_is_found(temperature):
    logits, labels = drawn(temperature=temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_it_is_the_minimum_that_scipy_finds():
    logits, labels = drawn(temperature=2.0, images=300)

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()

    found = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(logits, labels) == pytest.approx(found, rel=1e-6)


def test_logarithms_of_probabilities_do_for_logits():
    logits, labels = drawn(temperature=2.0, images=300)
    shown = apply_temperature(np.exp(log_softmax(logits, axis=1)), 1.0)
    assert fit_temperature(as_logits(shown), labels) == pytest.approx(
        fit_temperature(logits, labels), rel=1e-9
    )


def test_probabilities_stay_probabilities_and_ranks_stay():
    logits, _ = drawn(temperature=1.0, images=50)
    before = apply_temperature(np.exp(log_softmax(logits, axis=1)), 1.0)
    np.testing.assert_allclose(before, np.exp(log_softmax(logits, axis=1)), rtol=1e-9)
    after = apply_temperature(before, 5.0)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    np.testing.assert_array_equal(before.argsort(axis=1), after.argsort(axis=1))
    assert after.max() < before.max()


def test_one_that_is_always_right_stops_at_the_bound():
    logits, labels = 3 * np.eye(3), np.arange(3)
    assert fit_temperature(logits, labels) == pytest.approx(0.05)
    assert fit_temperature(-logits, labels) == pytest.approx(20)


def test_labels_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        fit_temperature(np.zeros((3, 2)), np.zeros(2, dtype=int))
    with pytest.raises(ValueError, match="do not fit"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int))
