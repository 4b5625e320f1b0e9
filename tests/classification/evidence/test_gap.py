"""The share of a gap that is closed: by hand, by properties, and in simulated studies."""

from math import erf

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.classification.evidence.gap import Sampled, sample, sample_folds, share_closed
from isnet_cxr.classification.figures import FIGURES, Scored
from isnet_cxr.classification.resampling import draw_resamples

AUC = FIGURES["pair_auc"]
TRUTH = np.array([1, 1, 0, 0])


def scored(scores, truth=TRUTH) -> Scored:
    right = np.asarray(scores, dtype=float)
    probabilities = np.stack([1 - right, right], axis=1)
    return Scored(probabilities, probabilities.argmax(axis=1), np.asarray(truth))


def steady(value: float, *, spread: float = 0.0) -> Sampled:
    """A figure that samples hardly move."""
    return Sampled(value, value + spread * np.linspace(-1, 1, 201))


def test_figures_by_hand():
    """Of four pairs the classifier ranks three right, the baseline one, the ceiling all."""
    samples = draw_resamples(pd.Series(list("abcd")), seeds=2, resamples=50, seed=0)
    one, low, high = (
        sample(AUC, [scored(first), scored(second)], samples)
        for first, second in (
            ([0.9, 0.4, 0.6, 0.2], [0.9, 0.4, 0.6, 0.2]),
            ([0.1, 0.7, 0.6, 0.8], [0.9, 0.1, 0.95, 0.5]),
            ([0.9, 0.8, 0.6, 0.2], [0.7, 0.6, 0.3, 0.2]),
        )
    )
    assert (one.value, low.value, high.value) == (0.75, 0.25, 1.0)
    closed = share_closed(steady((one - low).value), steady((high - low).value))
    assert closed is not None
    assert closed.value == pytest.approx((0.75 - 0.25) / (1.0 - 0.25)) == pytest.approx(2 / 3)
    assert closed.ci95 == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("gained", "gap", "share"), [(0.10, 0.20, 0.5), (0.0, 0.2, 0.0), (-0.05, 0.2, -0.25),
                                 (0.3, 0.2, 1.5)],
)  # fmt: skip
def test_the_share_may_be_beyond_both_ends(gained, gap, share):
    closed = share_closed(steady(gained), steady(gap, spread=0.1))
    assert closed is not None
    assert closed.value == pytest.approx(share)
    low, high = closed.ci95
    assert low <= share <= high


@pytest.mark.parametrize("gap", [steady(0.05, spread=0.06), steady(-0.1), steady(0.0)])
def test_nothing_is_divided_by_a_gap_that_may_be_nothing(gap):
    assert share_closed(steady(0.1), gap) is None


def test_a_sample_without_a_gap_stays_at_its_end_of_the_interval():
    gap = Sampled(0.1, np.r_[-0.02, np.linspace(0.05, 0.15, 200)])
    closed = share_closed(Sampled(0.05, np.full(201, 0.05)), gap)
    assert closed is not None
    assert closed.drawn[0] == closed.drawn.max() == pytest.approx(1.0)
    assert np.isfinite(closed.ci95).all()


def test_scales_of_folds_do_not_count():
    """Each fold's network has a scale of its own; only order within the fold is told."""
    generator = np.random.default_rng(0)
    truth, folds = np.tile([0, 1], 60), np.repeat([1, 2, 3], 40)
    scores = 1 / (1 + np.exp(-generator.normal(size=120) - truth))
    samples = draw_resamples(pd.Series(np.arange(120).astype(str)), resamples=40, seed=0)
    plain = sample_folds(AUC, [scored(scores, truth)], folds, samples)
    moved = sample_folds(AUC, [scored(scores / folds**3, truth)], folds, samples)
    assert moved.value == pytest.approx(plain.value)
    np.testing.assert_allclose(moved.drawn, plain.drawn)
    by_fold = [AUC.measure(scored(scores[folds == n], truth[folds == n])) for n in (1, 2, 3)]
    assert plain.value == pytest.approx(np.mean(by_fold))
    assert AUC.measure(scored(scores / folds**3, truth)) < plain.value - 0.05


def test_a_sample_of_folds_is_measured_as_the_images_it_holds():
    generator = np.random.default_rng(1)
    truth, folds = np.tile([0, 1], 20), np.tile([1, 1, 2, 2], 10)
    one = scored(generator.random(40), truth)
    patients = pd.Series((np.arange(40) // 4).astype(str))
    samples = draw_resamples(patients, resamples=30, seed=2)
    found = sample_folds(AUC, [one], folds, samples).drawn
    for number, held in enumerate(samples.patients):
        rows = np.repeat(np.arange(40), held[samples.patient])
        parts = [one.at(rows[folds[rows] == fold]) for fold in (1, 2)]
        assert found[number] == pytest.approx(np.nanmean([AUC.measure(part) for part in parts]))


def test_the_interval_covers_the_truth_in_simulated_studies():
    """200 studies of 200 patients; the three read the same images, so their errors go together."""
    strengths = {"baseline": 0.6, "classifier": 1.2, "ceiling": 2.0}
    areas = {name: (1 + erf(d / 2)) / 2 for name, d in strengths.items()}
    truth = areas["classifier"] - areas["baseline"]
    truth /= areas["ceiling"] - areas["baseline"]
    generator, covered, told = np.random.default_rng(3), 0, 0
    for study in range(200):
        closed = simulated(strengths, generator, study)
        if closed is not None:
            low, high = closed.ci95
            told, covered = told + 1, covered + (low <= truth <= high)
    assert told > 190
    assert 0.91 <= covered / told <= 0.985


def test_where_there_is_no_gap_it_is_said_in_nearly_every_simulated_study():
    strengths = {"baseline": 1.0, "classifier": 1.5, "ceiling": 1.0}
    generator = np.random.default_rng(4)
    told = sum(simulated(strengths, generator, study) is not None for study in range(100))
    assert told <= 8


def simulated(strengths, generator, seed: int) -> Sampled | None:
    truth, folds = np.tile([0, 1], 100), np.repeat(np.arange(5), 40)
    shared = generator.normal(size=200)
    found = {
        name: scored(
            1 / (1 + np.exp(-(d * truth + (shared + generator.normal(size=200)) / 2**0.5))), truth
        )
        for name, d in strengths.items()
    }
    samples = draw_resamples(pd.Series(np.arange(200).astype(str)), resamples=300, seed=seed)
    baseline, own = (sample(AUC, [found[name]], samples) for name in ("baseline", "classifier"))
    ceiling = sample_folds(AUC, [found["ceiling"]], folds, samples)
    return share_closed(own - baseline, ceiling - baseline)
