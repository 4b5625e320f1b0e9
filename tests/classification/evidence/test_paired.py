"""Paired tests are those of statsmodels and SciPy, and err as seldom as they say."""

import numpy as np
import pytest
from scipy.stats import permutation_test
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from isnet_cxr.classification.evidence.paired import mcnemar, permute_macro_f1


def hits(both: int, first: int, second: int, neither: int):
    pairs = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
    one, other = np.array(pairs, dtype=bool).T
    return one, other


@pytest.mark.parametrize("table", [(59, 6, 16, 80), (10, 0, 0, 3), (5, 12, 1, 2), (3, 4, 4, 9)])
def test_mcnemar_is_statsmodels_exact_test(table):
    both, first, second, neither = table
    one, other = hits(*table)
    found = mcnemar(one, other, np.arange(len(one)))
    expected = statsmodels_mcnemar([[both, first], [second, neither]], exact=True)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.difference == pytest.approx((first - second) / len(one))


def test_copies_of_images_are_no_further_evidence():
    one, other = hits(20, 15, 5, 20)
    patient = np.arange(60)
    once = mcnemar(one, other, patient)
    again = mcnemar(np.tile(one, 4), np.tile(other, 4), np.tile(patient, 4))
    assert again.p == pytest.approx(once.p)
    seeds = mcnemar(np.stack([one] * 3), np.stack([other] * 3), patient)
    assert seeds.p == pytest.approx(once.p)
    assert seeds.difference == pytest.approx(once.difference)


def test_mcnemar_with_clusters_is_scipys_exact_permutation_of_signs():
    generator = np.random.default_rng(0)
    patient = np.repeat(np.arange(10), [1, 2, 3, 4, 1, 2, 3, 4, 2, 2])
    one, other = generator.random((2, len(patient))) < [[0.8], [0.5]]
    surplus = np.bincount(patient, weights=one.astype(int) - other.astype(int))
    expected = permutation_test(
        (surplus,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert mcnemar(one, other, patient).p == pytest.approx(expected.pvalue, rel=1e-12)


def test_macro_f1_is_permuted_as_scipy_permutes_it():
    generator = np.random.default_rng(1)
    truth = np.arange(9) % 3
    one = np.where(generator.random(9) < 0.8, truth, 0)
    other = np.where(generator.random(9) < 0.4, truth, 1)

    def difference(first, second):
        return f1_score(truth, first, average="macro", zero_division=0) - f1_score(
            truth, second, average="macro", zero_division=0
        )

    exact = permutation_test(
        (one, other), difference, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    found = permute_macro_f1(one, other, truth, np.arange(9), swaps=20_000)
    assert found.difference == pytest.approx(exact.statistic)
    assert found.p == pytest.approx(exact.pvalue, abs=0.015)


def test_a_classifier_and_itself_can_always_be_swapped():
    truth = np.arange(30) % 3
    assert permute_macro_f1(truth, truth, truth, np.arange(30), swaps=100).p == 1
    assert mcnemar(truth == 0, truth == 0, np.arange(30)).p == 1


@pytest.mark.slow
def test_nulls_are_rejected_in_at_most_5_of_100():
    """1,000 studies of 100 patients with 3 images each; both classifiers are equally good."""
    generator, found = np.random.default_rng(4), []
    patient = np.repeat(np.arange(100), 3)
    for study in range(1000):
        truth = generator.integers(3, size=300)
        hard = generator.random(100)[patient]
        guesses = generator.integers(3, size=(2, 300))
        one, other = np.where(generator.random((2, 300)) > hard, truth, guesses)
        permuted = permute_macro_f1(one, other, truth, patient, swaps=400, seed=study)
        found.append([mcnemar(one == truth, other == truth, patient).p, permuted.p])
    rates = (np.asarray(found) < 0.05).mean(axis=0)
    assert (rates >= 0.025).all()  # discrete: below 5 of 100, not far below
    assert (rates <= 0.065).all()
