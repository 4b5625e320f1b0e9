"""Hospitals held out, from predictions on disk: matrix, refusal, report, verdict, metrics."""

from pathlib import Path

import pandas as pd
import pytest

from isnet_cxr.data.manifests.splits import assign_splits
from isnet_cxr.pipeline.config import StudyConfig, parse_study
from isnet_cxr.pipeline.report.across import across_content, held_cell
from isnet_cxr.pipeline.study.evidence import across_metrics, score_across
from isnet_cxr.pipeline.study.folds import Folds, plan_folds
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.summary import _plain
from isnet_cxr.pipeline.study.trainings import VALIDATION, plan_trainings
from isnet_cxr.pipeline.study.verdict import verdict

CLASSES = ["normal", "pneumonia", "covid"]
SKILL = {"baseline": (3.0, 0.2), "isnet": (2.0, 2.0)}
"""How far classes are apart at home, and where a hospital was held out."""


def study(folder: Path, classes: dict[str, list[str]]) -> StudyConfig:
    phantoms = {"phantoms": {"hospital": "elmwood", "images_per_class": 1}}
    return parse_study(
        {
            "name": "across",
            "classes": CLASSES,
            "datasets": dict.fromkeys(classes, phantoms),
            "development": list(classes),
            "classifiers": {name: {"method": name} for name in SKILL},
            "compare": [["isnet", "baseline"]],
            "across_hospitals": {
                "designs": ["leave_one_out", "pairs"],
                "classifiers": list(SKILL),
                "only": list(SKILL),
            },
        },
        folder=folder,
    )


def scored(folder: Path, classes: dict[str, list[str]], manifest, predict) -> dict:
    """Score made predictions of hospitals that have these classes."""
    config = study(folder, classes)
    parts = [
        manifest(name, images=240, sites=(name,), classes=own) for name, own in classes.items()
    ]
    rows = pd.concat(parts, ignore_index=True).assign(
        split="", lung_mask="", path="", review_flag=""
    )
    rows = assign_splits(rows, fractions=(0.4, 0.3, 0.3), seed=0)
    images = StudyImages({}, rows, {})
    folds = plan_folds(rows, CLASSES, config.across_hospitals)
    trainings = plan_trainings(config, images, folder, lungs="", folds=folds.folds)
    write(folds, trainings, images, predict)
    return _plain(score_across(config, folds, trainings))


def write(folds: Folds, trainings, images: StudyImages, predict) -> None:
    named = {fold.name: fold for fold in folds.folds}
    for training in trainings:
        home, away = SKILL[training.classifier]
        own = named[training.fold].of(images)
        for place in (training.testing, training.validating):
            place.mkdir(parents=True)
        for test, rows in own.tests.items():
            table = predict(rows, home if test == "internal" else away, 1)
            table.to_csv(training.testing / f"{test}.csv", index=False)
        validation = own.development[own.development["split"] == "val"]
        predict(validation, home, 2).to_csv(training.validating / VALIDATION, index=False)


@pytest.fixture(scope="module")
def across(tmp_path_factory, manifest, predictions) -> dict:
    folder = tmp_path_factory.mktemp("across")
    return scored(folder, dict.fromkeys("abc", CLASSES), manifest, predictions)


def test_every_hospital_is_a_column_and_its_home_cells_are_internal(across):
    assert across["hospitals"] == ["a", "b", "c"]
    names = [fold["name"] for fold in across["folds"]]
    assert names == ["without a", "without b", "without c", "a alone", "b alone", "c alone"]
    for fold in across["folds"]:
        for hospital in across["hospitals"]:
            held = held_cell(fold, "baseline", hospital)
            assert held.internal == (hospital in fold["trained_on"])
            assert ("gap" in held.cell) != held.internal
            assert not held.marked


def test_what_reads_the_background_loses_where_it_never_was(across):
    for design in ("leave_one_out", "pairs"):
        overall = across["overall"][design]
        assert overall["baseline"]["lost"] > 0.2
        assert abs(overall["isnet"]["lost"]) < 0.05
        worst = overall["baseline"]["worst"]
        cells = [
            held_cell(fold, "baseline", hospital).cell["value"]
            for fold in across["folds"]
            if fold["design"] == design
            for hospital in across["hospitals"]
            if hospital not in fold["trained_on"]
        ]
        assert worst["value"] == min(cells)
        assert worst["ci95"][0] < worst["value"] < worst["ci95"][1]


def test_the_verdict_tells_of_hospitals_left_out_by_name(across):
    said = verdict({"across": across})
    assert len(said) == 2 + 3
    assert said[0].startswith(
        "Trained without the hospital it is tested at, baseline has an AUC of"
    )
    assert "On a, left out of training, isnet is better than baseline" in said[2]


def test_a_class_of_one_source_is_marked_and_named(tmp_path, manifest, predictions):
    """As in a balanced collection of three sources with two classes each."""
    classes = {"a": CLASSES[:2], "b": CLASSES[1:], "c": [CLASSES[0], CLASSES[2]]}
    across = scored(tmp_path, classes, manifest, predictions)
    assert [fold["name"] for fold in across["folds"]] == ["without a", "without b", "without c"]
    for fold in across["folds"]:
        left_out = fold["name"].removeprefix("without ")
        assert len(fold["confounded"]) == 2
        for hospital in "abc":
            held = held_cell(fold, "isnet", hospital)
            assert held.internal == (hospital != left_out)
        assert not held_cell(fold, "isnet", left_out).marked
    content = across_content(across)
    assert (
        dict(content["confounded"])["without a"]
        == "normal comes from c only; pneumonia comes from b only"
    )
    assert (
        "a alone: not tested at b, with which it shares the one class pneumonia"
        in content["remarks"]
    )


def test_the_report_and_mlflow_have_every_hospital(across):
    content = across_content(across)
    assert [name for name, _ in content["plots"]] == ["baseline", "isnet"]
    assert len(content["overall"].rows) == 4
    assert dict(content["few"]).keys() == {"a", "b", "c"}
    metrics = across_metrics(across)
    assert set(metrics) == set(SKILL)
    assert metrics["isnet"]["without a"]["a"]["auc"] > 0.8
    assert metrics["baseline"]["a alone"]["b"]["lost"] > 0.2
    assert metrics["baseline"]["leave_one_out"]["worst_auc"] < 0.7
