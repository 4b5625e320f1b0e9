"""Figures of merit agree with scikit-learn; intervals and comparisons behave."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from isnet_cxr.classification.figures import FIGURES, Figure, macro_auc, macro_f1
from isnet_cxr.classification.statistics import compare_paired, summarise, summarise_seeds

CLASSES = ["normal", "pneumonia", "covid"]


def predictions(*, skill: float, images: int = 240, per_patient: int = 2, seed: int = 0):
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(99).integers(3, size=images)
    logits = generator.normal(size=(images, 3)) + skill * np.eye(3)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(
        {
            "image_id": [f"{row:016x}" for row in range(images)],
            "patient_id": [f"a/{row // per_patient}" for row in range(images)],
            "label": np.array(CLASSES)[truth],
            "relevance_inside_lungs": generator.random(images),
        }
    )
    for number, name in enumerate(CLASSES):
        frame[f"p_{name}"] = probabilities[:, number]
    return frame, probabilities, truth


def test_areas_and_f1_are_scikit_learns():
    _, probabilities, truth = predictions(skill=1.0)
    rounded = probabilities.round(1)  # ties
    assert macro_auc(rounded, truth) == pytest.approx(
        np.mean([roc_auc_score(truth == row, rounded[:, row]) for row in range(3)])
    )
    predicted = probabilities.argmax(axis=1)
    assert macro_f1(predicted, truth) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_one_class_alone_has_no_area():
    assert np.isnan(macro_auc(np.ones((4, 3)) / 3, np.zeros(4, dtype=int)))


def test_the_interval_holds_the_figure_and_narrows_with_patients():
    small, large = (
        summarise(predictions(skill=1.0, images=images)[0], CLASSES, resamples=200)
        for images in (60, 960)
    )
    for summary in (small, large):
        low, high = summary["ci95"]["macro_auc"]
        assert low < summary["macro_auc"] < high
    width = [np.ptp(summary["ci95"]["macro_auc"]) for summary in (small, large)]
    assert width[1] < width[0] / 2


def test_images_of_one_patient_are_no_independent_evidence():
    frame, _, _ = predictions(skill=1.0, images=120, per_patient=1)
    copies = pd.concat([frame] * 4, ignore_index=True)
    once, fourfold = (
        summarise(rows, CLASSES, resamples=300)["ci95"]["accuracy"] for rows in (frame, copies)
    )
    np.testing.assert_allclose(np.ptp(fourfold), np.ptp(once), rtol=0.2)


def test_confusion_and_recall_count_every_image():
    frame, probabilities, truth = predictions(skill=2.0)
    summary = summarise(frame, CLASSES, resamples=10)
    confusion = np.array(summary["confusion"])
    assert confusion.sum() == summary["n"] == len(frame)
    assert summary["accuracy"] == pytest.approx(np.trace(confusion) / len(frame))
    assert summary["recall"]["covid"] == pytest.approx(
        np.mean(probabilities.argmax(axis=1)[truth == 2] == 2)
    )


def test_a_better_classifier_is_found_better_and_its_equal_is_not():
    good = [predictions(skill=2.0, seed=seed)[0] for seed in (0, 1)]
    bad = [predictions(skill=0.5, seed=seed)[0] for seed in (2, 3)]
    compared = compare_paired(good, bad, CLASSES, resamples=300)["macro_auc"]
    assert compared["difference"] > 0
    assert compared["ci95"][0] > 0
    assert compared["p"] < 0.05
    itself = compare_paired(good, good, CLASSES, resamples=300)["macro_auc"]
    assert itself["difference"] == 0
    assert itself["p"] == 1


def test_a_comparison_needs_the_same_images():
    good, other = predictions(skill=2.0)[0], predictions(skill=2.0, images=100)[0]
    with pytest.raises(ValueError, match="the same images"):
        compare_paired([good], [other], CLASSES)


def intervals(frames, *, resamples=300):
    return summarise_seeds(frames, CLASSES, resamples=resamples)[1]["ci95"]


def test_seeds_that_differ_widen_the_interval_of_their_mean():
    good, bad = predictions(skill=2.0)[0], predictions(skill=0.3)[0]
    alike = intervals([good, good])["accuracy"]
    unlike = intervals([good, bad])["accuracy"]
    averaged = np.mean([intervals([one])["accuracy"] for one in (good, bad)], axis=0)
    assert np.ptp(unlike) > 2 * np.ptp(alike)
    assert np.ptp(unlike) > 2 * np.ptp(averaged)


def test_one_seed_repeated_has_the_interval_of_that_seed():
    frame = predictions(skill=1.0)[0]
    once, twice = (intervals([frame] * seeds) for seeds in (1, 2))
    assert twice == once


def test_intervals_over_seeds_need_the_same_images():
    frame = predictions(skill=1.0)[0]
    with pytest.raises(ValueError, match="the same images"):
        intervals([frame, frame.iloc[::-1]], resamples=10)


def test_further_numeric_columns_are_averaged_as_outputs():
    frame = predictions(skill=1.0)[0].assign(
        predicted="covid", dataset="a", flagged=np.arange(240) % 4 == 0, quality=0.5, note="text"
    )
    assert summarise(frame, CLASSES, resamples=5)["outputs"] == {"flagged": 0.25, "quality": 0.5}


@pytest.fixture
def trust(monkeypatch):
    """A figure from outside: the probability of the true class plus a column's maximum."""
    entries = dict(FIGURES._entries)
    monkeypatch.setattr(FIGURES, "_entries", entries)

    def measure(scored):
        rows = np.arange(len(scored.truth))
        return float(
            scored.probabilities[rows, scored.truth].mean() + scored.columns["extra"].max()
        )

    FIGURES.register("trust", Figure("trust", measure, inputs=("extra",), compared=True))


@pytest.mark.usefixtures("trust")
def test_a_registered_figure_is_summed_up_and_compared():
    frame = predictions(skill=2.0)[0].assign(extra=1.0)
    summary = summarise(frame, CLASSES, resamples=20)
    low, high = summary["ci95"]["trust"]
    assert 1 < low < summary["trust"] < high < 2
    assert summary["outputs"] == {}
    assert compare_paired([frame], [frame], CLASSES, resamples=20)["trust"]["difference"] == 0


@pytest.mark.usefixtures("trust")
def test_a_column_that_a_figure_needs_is_named():
    with pytest.raises(ValueError, match="no column 'extra'"):
        summarise(predictions(skill=2.0)[0], CLASSES)
