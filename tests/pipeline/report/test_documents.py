"""Model card and checklists: every item once, filled where the study knows, open elsewhere."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from isnet_cxr.pipeline.config import CeilingConfig, parse_study
from isnet_cxr.pipeline.report.checklists import CHECKLISTS, OPEN, fill
from isnet_cxr.pipeline.report.documents import CHECKS, MODEL_CARD, write_documents
from isnet_cxr.pipeline.report.facts import partition
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.sources import LeftOut

SENTENCE = "On away, isnet is better than baseline: macro AUC differs by +0.12 [+0.02, +0.20]."


@pytest.fixture
def material() -> ReportMaterial:
    config = parse_study(
        {
            "name": "a study",
            "classes": ["normal", "covid"],
            "datasets": {
                "here": {"phantoms": {"hospital": "elmwood", "images_per_class": 4}},
                "there": {"phantoms": {"hospital": "hillcrest", "images_per_class": 4}},
            },
            "development": ["here"],
            "external": {"away": ["there"]},
            "classifiers": {"isnet": {"method": "isnet"}, "baseline": {"method": "baseline"}},
            "seeds": [3, 4],
        },
        folder=Path(),
    )
    split = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    development = pd.DataFrame({"split": split, "patient_id": [f"here/{n // 2}" for n in range(8)]})
    away = pd.DataFrame({"split": [""] * 5, "patient_id": [f"there/{n}" for n in range(5)]})
    left_out = (LeftOut(dataset="here", role="", reason="unreadable", count=7),)
    images = StudyImages({}, development, {"away": away}, left_out)
    scores = {
        test: {"macro_auc": value, "ci95": {"macro_auc": [value - 0.1, value + 0.05]}}
        for test, value in (("internal", 0.913), ("away", 0.842))
    }
    summary = {"classification": {"isnet": scores}, "verdict": [SENTENCE]}
    return ReportMaterial(config, {}, images, {}, None, [], summary)


@pytest.mark.parametrize(("name", "count"), [("TRIPOD+AI", 52), ("CLAIM (2024)", 44)])
def test_every_item_stands_once(name, count):
    numbers = [item.number for item in CHECKLISTS[name]]
    assert len(set(numbers)) == len(numbers) == count


@pytest.mark.parametrize("name", CHECKLISTS)
def test_what_the_study_knows_is_filled_in_and_the_rest_is_open(name, material):
    table = fill(CHECKLISTS[name], material)
    known = {item.number for item in CHECKLISTS[name] if item.fact}
    for number, _, said in table.rows:
        assert (said == OPEN) == (number not in known)


def test_the_card_has_the_studys_own_figures_and_its_limits(material, tmp_path):
    write_documents(material, tmp_path, versions="isnet-cxr 9.9.9")
    card = (tmp_path / MODEL_CARD).read_text()
    for said in (
        SENTENCE, "isnet on internal: macro AUC 0.913 [0.81, 0.96]",
        "isnet on away: macro AUC 0.842 [0.74, 0.89]", "train: 2 patients, 4 images",
        "away: 5 patients, 5 images", "Not a medical device", "isnet-cxr 9.9.9", "Seeds 3, 4",
    ):  # fmt: skip
        assert said in card


def test_the_checklists_are_tables_of_markdown(material, tmp_path):
    write_documents(material, tmp_path, versions="")
    page = (tmp_path / CHECKS).read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 52 + 44 + 2
    assert all(row.count(" | ") >= 2 for row in rows)
    assert "unreadable: 7" in page


def test_hospitals_held_out_are_in_the_checklists(material, tmp_path):
    across = {"folds": [{"name": "without nih"}, {"name": "without siim"}]}
    study = replace(material, summary={**material.summary, "across": across})
    write_documents(study, tmp_path, versions="")
    assert (
        "held out of further trainings: without nih; without siim."
        in (tmp_path / "checklists.md").read_text()
    )


def test_a_study_without_external_tests_says_so(material, tmp_path):
    alone = StudyImages({}, material.images.development, {})
    summary = {"classification": {}, "verdict": []}
    study = ReportMaterial(material.config, {}, alone, {}, None, [], summary)
    write_documents(study, tmp_path, versions="")
    assert "nothing is known of hospitals" in (tmp_path / MODEL_CARD).read_text()


def test_folds_of_an_external_test_are_told(material):
    assert partition(material).endswith("External tests are not split.")
    ceilings = {"away": CeilingConfig(folds=3)}
    config = material.config.model_copy(update={"ceilings": ceilings})
    said = partition(replace(material, config=config))
    assert "not split, but for their ceilings, by patient, away into 3 folds; no other" in said
