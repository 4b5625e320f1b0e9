"""How alike heatmaps are: places count, not signs, scale or offsets of single pixels."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from isnet_cxr.classification.sanity.similarity import compare_heatmaps


@pytest.fixture
def heatmaps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 24, 24)).cumsum(axis=1).cumsum(axis=2)


def test_a_heatmap_is_like_itself_its_negative_and_its_multiple(heatmaps):
    for other in (heatmaps, -heatmaps, 1e-6 * heatmaps):
        alike = compare_heatmaps(heatmaps, other)
        np.testing.assert_allclose(alike.rank, 1)
        np.testing.assert_allclose(alike.ssim, 1, atol=1e-9)


def test_rank_is_spearmans_correlation(heatmaps):
    rounded = heatmaps.round()  # ties
    alike = compare_heatmaps(rounded, rounded[::-1])
    expected = spearmanr(np.abs(rounded[0]).ravel(), np.abs(rounded[2]).ravel()).statistic
    assert alike.rank[0] == pytest.approx(expected)


def test_unrelated_heatmaps_are_not_alike():
    first, second = np.random.default_rng(1).normal(size=(2, 4, 32, 32))
    alike = compare_heatmaps(first, second)
    assert np.abs(alike.rank).max() < 0.15
    assert np.abs(alike.ssim).max() < 0.15


def test_where_both_have_no_relevance_does_not_count():
    """Three quarters of black in both heatmaps make them no more alike."""
    first, second = np.random.default_rng(1).normal(size=(2, 4, 48, 48))
    first[:, 12:], second[:, 12:] = 0, 0
    alike = compare_heatmaps(first, second)
    assert np.abs(alike.rank).max() < 0.15
    assert np.abs(alike.ssim).max() < 0.25
    second[:, :12], second[:, 24:36] = 0, 1  # other places altogether
    assert compare_heatmaps(first, second).rank.max() < -0.5


def test_what_marks_no_place_is_like_nothing(heatmaps):
    flat, broken = np.zeros_like(heatmaps), heatmaps.copy()
    broken[:, 0, 0] = np.nan
    for other in (flat, broken):
        alike = compare_heatmaps(heatmaps, other)
        assert np.isnan(alike.rank).all()
        assert np.isnan(alike.ssim).all()
