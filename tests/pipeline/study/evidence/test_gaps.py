"""Gaps measured from predictions on disk: those of classifiers, and those of a ceiling's folds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.pipeline.report.ceilings import ceiling_sentences, ceilings_table, has_gap
from isnet_cxr.pipeline.study.ceilings import Ceiling, CeilingFold
from isnet_cxr.pipeline.study.evidence.gaps import measure_gaps
from isnet_cxr.pipeline.study.evidence.tested import Fixed, Predictions
from isnet_cxr.pipeline.study.summary import _plain

IMAGES, SEEDS, FOLDS = 240, 2, 4
CLASSES = ("normal", "covid")


def probabilities(truth, strength: float, generator) -> np.ndarray:
    right = 1 / (1 + np.exp(-(strength * (2 * truth - 1) + generator.normal(size=len(truth)))))
    return np.stack([1 - right, right], axis=1)


def ceiling(folder: Path, strength: float) -> Ceiling:
    """Folds whose networks have scales of their own, in another order than the test's."""
    generator, folds = np.random.default_rng(5), []
    for number in range(1, FOLDS + 1):
        rows = np.flatnonzero(np.arange(IMAGES) // 2 % FOLDS == number - 1)[::-1]
        truth = rows % 2
        for seed in range(SEEDS):
            place = folder / f"fold-{number}" / f"seed-{seed}"
            fold = CeilingFold(
                classifier="ceiling of away", settings=ClassifierSettings(), seed=seed,
                folder=place, learn="", test="", of="away", number=number, dataset="there",
            )  # fmt: skip
            fold.testing.mkdir(parents=True)
            own = probabilities(truth, strength, generator) ** number
            frame = pd.DataFrame(own / own.sum(axis=1, keepdims=True))
            frame.columns = [f"p_{name}" for name in CLASSES]
            frame["image_id"] = [f"image{row}" for row in rows]
            frame["label"] = np.array(CLASSES)[truth]
            frame["relevance_inside_lungs"] = np.nan
            frame.to_csv(fold.testing / "away.csv", index=False)
            folds.append(fold)
    return Ceiling("away", "baseline", CLASSES, (), tuple(folds))


def predicted(strength: float) -> Predictions:
    """Three classes are told apart; the test has the first and the last."""
    generator, pair = np.random.default_rng(int(100 * strength)), np.arange(IMAGES) % 2
    own = np.stack([probabilities(pair, strength, generator) for _ in range(SEEDS)])
    middle = np.full((SEEDS, IMAGES, 1), 0.2)
    known = pd.DataFrame({"image_id": [f"image{row}" for row in range(IMAGES)]})
    known["patient_id"] = known["image_id"]
    stacked = np.concatenate([own[..., :1], middle, own[..., 1:]], axis=2)
    return Predictions(stacked, 2 * pair, np.arange(IMAGES), known, Fixed(stacked, [], []))


def measured(folder: Path, **strengths: float) -> dict:
    own = {name: {"away": predicted(strength)} for name, strength in strengths.items()}
    return _plain(measure_gaps([ceiling(folder, 1.0)], own))


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(tmp_path_factory.mktemp("gaps"), baseline=0.2, isnet=0.6, perfect=2.0)


def test_every_classifier_is_placed_between_baseline_and_ceiling(gaps):
    own = gaps["away"]
    assert (own["figure"], own["baseline"], own["images"]) == ("pair_auc", "baseline", IMAGES)
    low, high = (own["reached"][name]["value"] for name in ("baseline", "ceiling"))
    assert own["gap"]["value"] == pytest.approx(high - low)
    assert set(own["closed"]) == set(own["gained"]) == {"isnet", "perfect"}
    for name, closed in own["closed"].items():
        assert closed["value"] == pytest.approx(own["gained"][name]["value"] / (high - low))
        assert closed["ci95"][0] < closed["value"] < closed["ci95"][1]
    assert 0 < own["closed"]["isnet"]["value"] < 1 < own["closed"]["perfect"]["value"]


def test_the_ceiling_is_the_mean_of_its_folds(gaps):
    by_fold = gaps["away"]["folds"]
    values = [value for own in by_fold.values() for value in own.values()]
    assert (len(by_fold), len(values)) == (FOLDS, FOLDS * SEEDS)
    assert gaps["away"]["reached"]["ceiling"]["value"] == pytest.approx(np.mean(values))


def test_the_page_says_what_there_was_to_gain_and_who_gained_it(gaps):
    (sentence,) = ceiling_sentences(gaps)
    assert sentence.startswith("On away, baseline, trained elsewhere, tells normal and covid apart")
    assert "trained on images of away itself, with one of 0." in sentence
    percent = f"{100 * gaps['away']['closed']['isnet']['value']:.0f} %"
    assert f"isnet closes {percent} [" in sentence
    table = ceilings_table(gaps)
    assert [row[:2] for row in table.rows] == [
        ["away, AUC, two classes", "isnet"],
        ["away, AUC, two classes", "perfect"],
    ]
    assert table.rows[0][3].startswith(percent)


def test_where_there_is_no_gap_nothing_is_divided(tmp_path):
    found = measured(tmp_path, baseline=1.0, isnet=0.6)
    assert not has_gap(found["away"])
    assert found["away"]["closed"]["isnet"] == {"value": None, "ci95": [None, None]}
    assert found["away"]["gained"]["isnet"]["value"] < 0
    (sentence,) = ceiling_sentences(found)
    assert sentence.endswith("there is no gap to close.")
    assert ceilings_table(found).rows[0][3] == "no gap to close"
