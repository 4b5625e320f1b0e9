"""Holm's adjustment is that of statsmodels, and keeps a family of tests at 5 of 100."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from isnet_cxr.classification.evidence.delong import compare_areas, measure_areas
from isnet_cxr.classification.evidence.multiplicity import holm


def test_it_is_statsmodels():
    generator = np.random.default_rng(0)
    for count in (1, 2, 5, 40):
        p = generator.random(count) ** 3
        np.testing.assert_allclose(holm(list(p)), multipletests(p, method="holm")[1], rtol=1e-12)


def test_a_test_that_could_not_be_made_counts_as_none():
    adjusted = holm([0.01, float("nan"), 0.03])
    assert adjusted[0] == pytest.approx(0.02)
    assert adjusted[2] == pytest.approx(0.03)
    assert np.isnan(adjusted[1])
    assert holm([]) == []


@pytest.mark.slow
def test_families_of_true_nulls_have_a_rejection_in_5_of_100():
    """2,500 families of four comparisons of areas, between classifiers that are equally good."""
    generator, families = np.random.default_rng(8), 2500
    positive, patient = np.arange(240) % 2 == 0, np.arange(240)
    rejected = 0
    for _ in range(families):
        scores = generator.normal(size=(4, 2, 240)) + positive
        areas = [measure_areas(pair, positive, patient) for pair in scores]
        adjusted = holm([compare_areas(own, np.array([1, -1])).p for own in areas])
        rejected += min(adjusted) < 0.05
    assert 0.04 <= rejected / families <= 0.06
