"""Groups once backgrounds are exchanged: who follows the background gains where it misled."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.groups import EXCHANGED_HEAD, exchanged_table
from isnet_cxr.pipeline.study.ceilings import Ceiling, CeilingFold
from isnet_cxr.pipeline.study.evidence import measure_exchanged
from isnet_cxr.pipeline.study.summary import _plain
from isnet_cxr.pipeline.study.trainings import Training

CLASSES, FOLDS, IMAGES = ["normal", "pneumonia", "covid"], 3, 600
SEEDS = (0, 1)
LUNGLESS = 10
"""So many images, the last ones, have no lungs."""


def columns(evidence, *, prefix: str = "") -> pd.DataFrame:
    """Probabilities of a classifier that has so much evidence of the last class."""
    last = 0.8 / (1 + np.exp(-np.asarray(evidence)))
    own = np.stack([0.8 - last, np.full(len(last), 0.2), last], axis=1)
    return pd.DataFrame(own, columns=[f"{prefix}p_{name}" for name in CLASSES])


class Images:
    """Two classes whose backgrounds tell the class of two images in three."""

    def __init__(self, *, hard: float = 0.0) -> None:
        generator = np.random.default_rng(3)
        self.truth = np.arange(IMAGES) % 2
        self.agrees = np.arange(IMAGES) // 2 % 3 > 0
        sign = 2 * self.truth - 1
        self.background = np.where(self.agrees, sign, -sign) * generator.uniform(1, 2, IMAGES)
        self.other = generator.permutation(self.background)
        clear = np.where(self.agrees, 1.0, 1.0 - hard)
        self.lungs = sign * clear + generator.normal(size=IMAGES)
        self.known = pd.DataFrame(
            {
                "image_id": [f"image{row}" for row in range(IMAGES)],
                "patient_id": [f"patient{row // 2}" for row in range(IMAGES)],
                "label": np.where(self.truth, "covid", "normal"),
                "relevance_inside_lungs": np.nan,
            }
        )

    def trained(self, folder: Path, name: str, *, lungs: float, background: float) -> list:
        trainings = []
        for seed in SEEDS:
            own = Training(name, ClassifierSettings(), seed, folder / name / str(seed), "", "")
            (own.testing / "reliance").mkdir(parents=True)
            noise = 0.1 * np.random.default_rng(seed).normal(size=IMAGES)
            said, changed = (
                lungs * self.lungs + background * seen + noise
                for seen in (self.background, self.other)
            )
            known = self.known.join(columns(said))
            known.to_csv(own.testing / "away.csv", index=False)
            answers = columns(changed, prefix="exchanged_")
            answers.iloc[-LUNGLESS:] = np.nan
            answers.to_csv(own.testing / "reliance" / "away.csv", index=False)
            trainings.append(own)
        return trainings

    def ceiling(self, folder: Path) -> Ceiling:
        folds = []
        for number in range(1, FOLDS + 1):
            rows = np.flatnonzero(np.arange(IMAGES) // 6 % FOLDS == number - 1)
            for seed in SEEDS:
                fold = CeilingFold(
                    classifier="ceiling of away", settings=ClassifierSettings(), seed=seed,
                    folder=folder / f"{number}-{seed}", learn="", test="", of="away",
                    number=number, dataset="there",
                )  # fmt: skip
                fold.testing.mkdir(parents=True)
                own = self.known.join(columns(9 * self.lungs)).iloc[rows]
                own.to_csv(fold.testing / "away.csv", index=False)
                folds.append(fold)
        return Ceiling("away", "baseline", ("normal", "covid"), (), tuple(folds))


def measured(folder: Path, *, hard: float = 0.0, ceiling: bool = False) -> dict:
    images = Images(hard=hard)
    trainings = [
        *images.trained(folder, "reader", lungs=1, background=0),
        *images.trained(folder, "follower", lungs=1, background=3),
        *images.trained(folder, CONTROL, lungs=0, background=1),
    ]
    ceilings = [images.ceiling(folder / "ceiling")] if ceiling else []
    return _plain(measure_exchanged(CLASSES, trainings, ["away"], ceilings))


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(tmp_path_factory.mktemp("easy"), ceiling=True)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(tmp_path_factory.mktemp("hard"), hard=0.9, ceiling=True)


def test_groups_are_the_controls_without_the_images_that_have_no_lungs(easy):
    groups, agrees = easy["away"], Images().agrees[:-LUNGLESS]
    assert {name: own["images"] for name, own in groups.items()} == {
        "aligned": agrees.sum(), "conflict": (~agrees).sum(),
    }  # fmt: skip
    assert {own["figure"] for own in groups.values()} == {"pair_auc"}


def test_who_follows_the_background_gains_where_it_misled_and_loses_where_it_helped(easy):
    aligned, conflict = (easy["away"][group]["classifiers"] for group in ("aligned", "conflict"))
    for name in ("follower", CONTROL):
        assert conflict[name]["own"]["value"] < 0.1
        assert conflict[name]["gained"]["ci95"][0] > 0.2
        assert aligned[name]["own"]["value"] > 0.9
        assert aligned[name]["gained"]["ci95"][1] < -0.1
    assert conflict[CONTROL]["exchanged"]["value"] == pytest.approx(0.5, abs=0.1)


def test_who_reads_the_lungs_gains_and_loses_nothing(easy):
    for own in easy["away"].values():
        reader = own["classifiers"]["reader"]
        assert reader["own"]["value"] > 0.85
        assert abs(reader["gained"]["value"]) < 0.02
        low, high = reader["gained"]["ci95"]
        assert low <= 0 <= high


def test_what_is_hard_to_read_is_told_from_what_misleads(hard):
    """A reader of lungs is poor in the conflict group as well, gains nothing, nor can a ceiling."""
    conflict = hard["away"]["conflict"]
    assert conflict["classifiers"]["reader"]["own"]["value"] < 0.65
    assert conflict["classifiers"]["reader"]["gained"]["value"] < 0.02
    assert conflict["ceiling"]["value"] < 0.65
    assert hard["away"]["aligned"]["ceiling"]["value"] > 0.85


def test_a_ceiling_is_measured_where_there_is_one(easy, tmp_path):
    assert easy["away"]["conflict"]["ceiling"]["value"] > 0.85
    without = measured(tmp_path)["away"]["conflict"]
    assert "ceiling" not in without
    assert without["classifiers"] == easy["away"]["conflict"]["classifiers"]


def test_a_difference_is_of_the_two_figures_beside_it(easy):
    for own in easy["away"].values():
        for one in own["classifiers"].values():
            assert one["gained"]["value"] == pytest.approx(
                one["exchanged"]["value"] - one["own"]["value"]
            )
            assert one["own"]["ci95"][0] <= one["own"]["value"] <= one["own"]["ci95"][1]


def test_a_test_of_a_single_class_has_no_groups(tmp_path):
    images = Images()
    images.known["label"] = "normal"
    trainings = images.trained(tmp_path, CONTROL, lungs=0, background=1)
    assert measure_exchanged(CLASSES, trainings, ["away"], []) == {}


def test_the_table_stresses_what_the_background_did(easy):
    table = exchanged_table(easy)
    assert table.head == EXCHANGED_HEAD
    named = [(row[0].split(", ")[1], row[1]) for row in table.rows]
    stressed = {named[row] for row, _ in table.strong}
    assert stressed == {
        (group, name) for group in ("aligned", "conflict") for name in ("follower", CONTROL)
    }
    assert {column for _, column in table.strong} == {len(EXCHANGED_HEAD) - 1}
    assert [name for _, name in named].count("trained there: the ceiling") == 2
