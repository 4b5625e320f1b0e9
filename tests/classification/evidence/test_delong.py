"""Areas, variances and tests: a published example, a count of all pairs, and simulated nulls."""

import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from isnet_cxr.classification.evidence.delong import compare_areas, measure_areas

OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1
3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0
2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1
3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0
3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
"""Albumin, total protein, K-G score, and benefit of surgery.

The ovarian cancer data of DeLong and others (1988, doi:10.2307/2531595), the 43 of 49 patients who
have all three, as the SAS/STAT user's guide prints them (PROC LOGISTIC, example "Comparing Receiver
Operating Characteristic Curves").
"""


def ovarian():
    table = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4)
    scores = np.stack([table[:, 0], -table[:, 2], table[:, 1]])
    return scores, table[:, 3] == 1


def in_fractions(scores, positive):
    """Areas and covariances by DeLong's structural components, without any rounding."""
    count, (cases, others) = len(scores), (np.flatnonzero(positive), np.flatnonzero(~positive))

    def won(row, case, other):
        ahead = scores[row, case] - scores[row, other]
        return Fraction(1) if ahead > 0 else Fraction(1, 2) if ahead == 0 else Fraction(0)

    sides = [
        [[sum(won(k, i, j) for j in others) / len(others) for i in cases] for k in range(count)],
        [[sum(won(k, i, j) for i in cases) / len(cases) for j in others] for k in range(count)],
    ]
    areas = [sum(row) / len(row) for row in sides[0]]

    def covary(side, a, b):
        pairs = zip(side[a], side[b], strict=True)
        size = len(side[a])
        return sum((x - areas[a]) * (y - areas[b]) for x, y in pairs) / (size - 1) / size

    return areas, [
        [sum(covary(side, a, b) for side in sides) for b in range(count)] for a in range(count)
    ]


def test_the_published_example_comes_out():
    """Albumin and total protein against the K-G score; R's pROC 1.18 says the same."""
    scores, positive = ovarian()
    exact, spread = in_fractions(scores, positive)
    assert exact == [Fraction(137, 186), Fraction(45, 62), Fraction(241, 372)]
    areas = measure_areas(scores, positive, np.arange(len(positive)))
    np.testing.assert_allclose(areas.values, np.array(exact, dtype=float), rtol=1e-13)
    np.testing.assert_allclose(areas.covariance, np.array(spread, dtype=float), rtol=1e-12)
    for other, printed in ((0, (0.0108, 0.0953, 0.9102)), (2, (-0.0780, 0.1046, 0.4561))):
        difference = exact[other] - exact[1]
        error = math.sqrt(spread[other][other] + spread[1][1] - 2 * spread[other][1])
        p = math.erfc(abs(difference) / error / math.sqrt(2))
        assert (difference, error, p) == pytest.approx(printed, abs=5e-5)
        found = compare_areas(areas, np.eye(3)[other] - np.eye(3)[1])
        assert (found.difference, found.error, found.p) == pytest.approx((difference, error, p))


def counted_pair_by_pair(scores, positive, patient):
    """Variances and covariances by Obuchowski's formulas, from every pair of images."""
    patients, count = np.unique(patient), len(scores)
    won = [[_placed(s, i, ~positive) for i in np.flatnonzero(positive)] for s in scores]
    lost = [[1 - _placed(s, i, positive) for i in np.flatnonzero(~positive)] for s in scores]
    areas = np.mean(won, axis=1)
    up, down = (
        np.array([
            [sum(np.array(values[k])[patient[side] == p] - areas[k]) for p in patients]
            for k in range(count)
        ])
        for values, side in ((won, positive), (lost, ~positive))
    )  # fmt: skip
    above, below = positive.sum(), (~positive).sum()
    i10, i01 = len(np.unique(patient[positive])), len(np.unique(patient[~positive]))
    i = len(patients)
    covariance = np.zeros((count, count))
    for j in range(count):
        for k in range(count):
            s10 = i10 / ((i10 - 1) * above) * sum(up[j] * up[k])
            s01 = i01 / ((i01 - 1) * below) * sum(down[j] * down[k])
            s11 = i / (i - 1) * (sum(up[j] * down[k]) + sum(up[k] * down[j]))
            covariance[j, k] = s10 / above + s01 / below + s11 / (above * below)
    return areas, covariance


def _placed(scores, image, others):
    return np.mean((scores[image] > scores[others]) + 0.5 * (scores[image] == scores[others]))


@pytest.mark.parametrize("per_patient", [1, 3])
def test_it_is_what_counting_every_pair_gives(per_patient):
    generator = np.random.default_rng(3)
    patient = np.arange(60) // per_patient
    positive = generator.random(60) < 0.4
    scores = (generator.normal(size=(3, 60)) + positive).round(1)  # ties
    areas = measure_areas(scores, positive, patient)
    values, covariance = counted_pair_by_pair(scores, positive, patient)
    np.testing.assert_allclose(areas.values, values, rtol=1e-12)
    np.testing.assert_allclose(areas.covariance, covariance, rtol=1e-10)
    expected = [roc_auc_score(positive, row) for row in scores]
    np.testing.assert_allclose(areas.values, expected, rtol=1e-12)


def test_a_classifier_and_itself_do_not_differ():
    scores, positive = ovarian()
    areas = measure_areas(scores[[0, 0]], positive, np.arange(len(positive)))
    itself = compare_areas(areas, np.array([1, -1]))
    assert (itself.difference, itself.p) == (0, 1)


def test_one_patient_on_a_side_has_no_variance():
    areas = measure_areas(np.array([[0.1, 0.2, 0.9]]), np.array([False, False, True]), np.arange(3))
    assert areas.values == [1]
    assert np.isnan(compare_areas(areas, np.array([1])).p)


@pytest.mark.slow
@pytest.mark.parametrize("per_patient", [1, 3])
def test_nulls_are_rejected_in_5_of_100(per_patient):
    """10,000 studies in which both classifiers are equally good; images of a patient are alike."""
    generator = np.random.default_rng(per_patient)
    rejected = [_p_of_null(generator, per_patient) < 0.05 for _ in range(10_000)]
    assert 0.04 <= np.mean(rejected) <= 0.06


def test_the_error_is_that_of_repeated_studies():
    generator = np.random.default_rng(5)
    studies = [_null(generator, 3) for _ in range(400)]
    assert np.mean([s.error for s in studies]) == pytest.approx(
        np.std([s.difference for s in studies]), rel=0.1
    )


def _p_of_null(generator, per_patient):
    return _null(generator, per_patient).p


def _null(generator, per_patient):
    patients = 240 // per_patient
    patient = np.repeat(np.arange(patients), per_patient)
    positive = np.repeat(np.arange(patients) % 2 == 0, per_patient)
    shared = generator.normal(size=patients)[patient] + positive
    own = generator.normal(size=(2, patients))[:, patient]
    scores = shared + 0.7 * own + 0.7 * generator.normal(size=(2, len(patient)))
    return compare_areas(measure_areas(scores, positive, patient), np.array([1, -1]))
