"""Figures of many resamples at once are those of one resample after the other, and much cheaper."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.classification.figures import FIGURES, Scored
from isnet_cxr.classification.figures.weighted import auc
from isnet_cxr.classification.resampling import draw_resamples, quantiles

STANDARD = ("macro_f1", "macro_auc", "pair_auc", "accuracy", "relevance_inside_lungs")


def scored(*, images: int, classes: int, digits: int, seed: int = 0) -> Scored:
    """Predictions of some skill, rounded so that scores tie."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=images)
    logits = generator.normal(size=(images, 3)) + np.eye(3)[truth]
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).round(digits)
    share = np.where(generator.random(images) < 0.2, np.nan, generator.random(images))
    columns = {"relevance_inside_lungs": share}
    return Scored(probabilities, probabilities.argmax(axis=1), truth, columns)


def patients(images: int) -> "pd.Series[str]":
    """Unlike numbers of images each, and not in order."""
    return pd.Series(np.random.default_rng(7).integers(images // 3, size=images).astype(str))


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("images", [5, 90])
def test_all_at_once_is_one_after_the_other(name, classes, images):
    one, figure = scored(images=images, classes=classes, digits=1), FIGURES[name]
    samples = draw_resamples(patients(images), resamples=50, seed=0)
    fast, slow = samples.of([figure, replace(figure, resampled=None)], [one])[:, 0]
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12)


def test_all_at_once_costs_a_fraction():
    one = scored(images=2000, classes=3, digits=4)
    samples = draw_resamples(patients(2000), resamples=200, seed=0)
    figures = [FIGURES[name] for name in STANDARD]

    def once(these):
        start = time.process_time()
        samples.of(these, [one])
        return time.process_time() - start

    def cost(these):  # without what else the process did meanwhile
        return min(once(these) for _ in range(3))

    assert cost([replace(figure, resampled=None) for figure in figures]) > 4 * cost(figures)


def test_a_sample_holds_whole_patients():
    names = pd.Series(["a", "b", "a", "c"])
    samples = draw_resamples(names, resamples=20, seed=0)
    for counts in samples.parts():
        np.testing.assert_array_equal(counts[0], counts[2])
        np.testing.assert_array_equal(counts[[0, 1, 3]].sum(axis=0), 3)


def test_the_patients_drawn_do_not_depend_on_the_seeds():
    names = patients(30)
    one, three = (draw_resamples(names, seeds=n, resamples=10, seed=4) for n in (1, 3))
    np.testing.assert_array_equal(one.patients, three.patients)
    np.testing.assert_array_equal(three.seeds.sum(axis=1), 3)


def test_a_resample_of_one_side_has_no_area():
    counts = np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
    found = auc(np.array([0.9, 0.1]), np.array([True, False]), counts)
    np.testing.assert_array_equal(found, [1, np.nan, np.nan])


def test_a_seed_without_the_figure_is_left_out_or_decides():
    samples = draw_resamples(patients(9), seeds=2, resamples=40, seed=0)
    values = np.stack([np.full(40, 0.5), np.full(40, np.nan)])
    lenient, strict = samples.over_seeds(values), samples.over_seeds(values, strict=True)
    only_first = samples.seeds[:, 1] == 0
    assert np.nanmax(lenient) == np.nanmin(lenient) == 0.5
    np.testing.assert_array_equal(~np.isnan(strict), only_first)
    assert np.isnan(quantiles(np.full(3, np.nan))).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "macro_auc"])
def test_the_interval_covers_the_truth_in_95_of_100_studies(name):
    """1,000 studies of 150 patients with 1 to 4 images, alike within a patient."""
    figure, covered, studies = FIGURES[name], 0, 1000
    truth = _simulate(figure, patients=400_000, generator=np.random.default_rng(1))[0]
    generator = np.random.default_rng(2)
    for study in range(studies):
        _, one, names = _simulate(figure, patients=150, generator=generator)
        samples = draw_resamples(names, resamples=400, seed=study)
        low, high = quantiles(samples.of([figure], [one])[0, 0])
        covered += low <= truth <= high
    assert 0.93 <= covered / studies <= 0.97


def _simulate(figure, *, patients, generator):
    """Return a figure, the predictions and patients of a study whose images share their noise."""
    images = generator.integers(1, 5, size=patients)
    codes = np.repeat(np.arange(patients), images)
    truth = np.repeat(generator.integers(2, size=patients), images)
    noise = generator.normal(size=patients)[codes] + generator.normal(size=len(codes))
    right = 1 / (1 + np.exp(-(2 * truth - 1 + noise)))
    probabilities = np.stack([1 - right, right], axis=1)
    one = Scored(probabilities, probabilities.argmax(axis=1), truth)
    return figure.measure(one), one, pd.Series(codes.astype(str))
