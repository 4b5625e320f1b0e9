"""Thresholds, shares and predictive values, against scikit-learn and statsmodels."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_curve
from statsmodels.stats.proportion import proportion_confint

from isnet_cxr.classification.evidence.operating import (
    operate,
    predictive_values,
    proportion,
    youden_threshold,
)
from isnet_cxr.classification.evidence.sizes import size_warning


def scored(images: int = 200, seed: int = 0):
    generator = np.random.default_rng(seed)
    positive = generator.random(images) < 0.3
    return (generator.normal(size=images) + 1.5 * positive).round(2), positive


def test_the_threshold_has_the_largest_youden_index_of_scikit_learns_curve():
    scores, positive = scored()
    false, true, _ = roc_curve(positive, scores)
    claimed = scores >= youden_threshold(scores, positive)
    own = claimed[positive].mean() - claimed[~positive].mean()
    assert own == pytest.approx((true - false).max())


def test_shares_are_those_of_the_confusion_matrix():
    scores, positive = scored()
    found = operate(scores[np.newaxis], positive, np.array([0.9]), np.arange(len(scores)))
    tn, fp, fn, tp = confusion_matrix(positive, scores >= 0.9).ravel()
    assert found.sensitivity.value == pytest.approx(tp / (tp + fn))
    assert found.specificity.value == pytest.approx(tn / (tn + fp))
    assert found.ppv.value == pytest.approx(tp / (tp + fp))
    assert found.npv.value == pytest.approx(tn / (tn + fn))
    for share, count, of in ((found.sensitivity, tp, tp + fn), (found.ppv, tp, tp + fp)):
        expected = proportion_confint(count, of, method="wilson")
        assert (share.low, share.high) == pytest.approx(expected, rel=1e-9)


def test_copies_of_images_do_not_narrow_an_interval():
    hits = np.random.default_rng(1).random(50) < 0.7
    base, patient = np.ones(50, dtype=bool), np.arange(50)
    once = proportion(hits[np.newaxis], base[np.newaxis], patient)
    copies = [np.tile(values, 5)[np.newaxis] for values in (hits, base)]
    fivefold = proportion(*copies, np.tile(patient, 5))
    assert (fivefold.low, fivefold.high) == pytest.approx((once.low, once.high))
    seeds = proportion(np.stack([hits] * 3), np.stack([base] * 3), patient)
    assert (seeds.low, seeds.high) == pytest.approx((once.low, once.high))


def test_where_all_agree_patients_are_counted():
    all_right = np.ones((1, 40), dtype=bool)
    found = proportion(all_right, all_right, np.arange(40) // 4)
    assert (found.low, found.high) == pytest.approx(proportion_confint(10, 10, method="wilson"))
    nothing = proportion(~all_right, ~all_right, np.arange(40))
    assert np.isnan(nothing.value)
    assert nothing.n == 0


def test_predictive_values_at_a_tests_own_share_are_its_own():
    scores, positive = scored()
    found = operate(scores[np.newaxis], positive, np.array([0.9]), np.arange(len(scores)))
    ppv, npv = predictive_values(
        found.sensitivity.value, found.specificity.value, float(positive.mean())
    )
    assert (ppv, npv) == pytest.approx((found.ppv.value, found.npv.value))


def test_a_rare_disease_is_the_textbooks_example():
    """Sensitivity and specificity 99 %, one case in a hundred: every other alarm is false."""
    ppv, npv = predictive_values(0.99, 0.99, 0.01)
    assert ppv == pytest.approx(0.5)
    assert npv > 0.999
    assert np.isnan(predictive_values(0.0, 1.0, 0.5)[0])


def test_few_patients_are_named():
    assert size_warning(100, 400) == ""
    assert size_warning(12, 400) == "only 12 patients of this class: fewer than 100"
    assert size_warning(400, 1) == "only 1 patient of other classes: fewer than 100"


@pytest.mark.slow
def test_the_interval_covers_the_truth_in_95_of_100_studies():
    """4,000 studies of 120 patients with 1 to 3 images that tend to agree."""
    generator, covered = np.random.default_rng(3), 0
    for _ in range(4000):
        images = generator.integers(1, 4, size=120)
        patient = np.repeat(np.arange(120), images)
        chance = generator.beta(3, 1, size=120)[patient]  # 0.75 on average
        hits = (generator.random(len(patient)) < chance)[np.newaxis]
        found = proportion(hits, np.ones_like(hits), patient)
        covered += found.low <= 0.75 <= found.high
    assert 0.93 <= covered / 4000 <= 0.97
