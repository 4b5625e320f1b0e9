"""A hospital whose scores have moved is mended by its own normal images."""

import numpy as np
import pytest

from isnet_cxr.classification.evidence.local_normals import adapt
from isnet_cxr.classification.temperature import apply_temperature


def hospital(*, moved: float, images: int = 600, seed: int = 0):
    """Probabilities of a good classifier, whose log-odds of the other classes are moved."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(3, size=images)
    logits = generator.normal(size=(images, 3)) + 3 * np.eye(3)[truth] + [0, moved, moved]
    return apply_temperature(np.exp(logits), 1.0)[np.newaxis], truth


def recall(probabilities, truth):
    return [float((row.argmax(axis=1) == 0)[truth == 0].mean()) for row in probabilities]


def test_what_has_moved_is_mended():
    home, there = hospital(moved=0, seed=1), hospital(moved=4)
    found = adapt(*there, np.arange(600), normal=0, recall=recall(*home))
    assert found.before < 0.8
    assert found.after > found.before + 0.1
    assert found.low <= found.after <= found.high
    at_home = np.mean(
        [(home[0][0].argmax(axis=1) == home[1])[home[1] == c].mean() for c in range(3)]
    )
    assert found.after == pytest.approx(at_home, abs=0.05)


def test_what_has_not_moved_is_hardly_changed():
    home, there = hospital(moved=0, seed=1), hospital(moved=0)
    found = adapt(*there, np.arange(600), normal=0, recall=recall(*home))
    assert found.after == pytest.approx(found.before, abs=0.03)
    assert found.accuracy[0] == pytest.approx((there[0][0].argmax(axis=1) == there[1]).mean())


def test_too_few_normals_or_no_other_class_tell_nothing():
    probabilities, truth = hospital(moved=1)
    assert adapt(probabilities, truth, np.arange(600), normal=0, recall=[0.9], normals=400) is None
    assert adapt(probabilities, truth * 0, np.arange(600), normal=0, recall=[0.9]) is None


def test_images_of_a_drawn_patient_are_not_scored():
    """With a single other patient left, only that one's images decide."""
    probabilities, truth = hospital(moved=0, images=60)
    patient = np.where(truth == 0, np.arange(60), 1000)
    found = adapt(probabilities, truth, patient, normal=0, recall=[0.9], normals=9)
    assert found.normals == 9
    assert 0 <= found.after <= 1
