"""What MLflow gets: the same names for every classifier, that filter and sort."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.pipeline.study.logged import evidence_figures, evidence_of, study_figures
from isnet_cxr.pipeline.study.trainings import Training
from isnet_cxr.pipeline.tracking import STORE, Tracker

TESTS = ("internal", "away")
GOOD = {"isnet": 0.9, "baseline": 0.6}


def by_seed(value: float) -> dict:
    return {"macro_f1": value, "seeds": {"0": {"macro_f1": value}, "1": {"macro_f1": value + 0.01}}}


def reliance(value: float) -> dict:
    seeds = {seed: {"exchange": 1 - value} for seed in "01"}
    return {"measures": {"exchange": 1 - value, "bias_test": None}, "caught": [], "seeds": seeds}


def likeness(value: float) -> dict:
    pair = {"rank": value, "ssim": value}
    return {"forgotten": [{"share": 1.0, **pair}], "noise": pair, "shift": pair}


def pointing(value: float) -> dict:
    part = {"value": value, "ci95": [0, 1], "seeds": {"0": value, "1": value}}
    return {"hits": part, "inside": part, "chance": 0.1, "chance_in_lungs": 0.3}


@pytest.fixture
def summary() -> dict:
    """A summary of two classifiers with two seeds, as the study's parts write it."""

    def each(value, tests=TESTS) -> dict:
        return {name: {test: value(good) for test in tests} for name, good in GOOD.items()}

    groups = {group: {name: by_seed(good) for name, good in GOOD.items()} for group in
              ("aligned", "conflict")}  # fmt: skip
    point = {"value": 0.8, "low": 0.7, "high": 0.9}
    evidence = {
        "matrix": {"cells": each(lambda good: {"value": good, "ci95": [0, 1], "gap": 0.1})},
        "classes": each(lambda good: {"covid": {"auc": {**point, "value": good}, "roc": {}}}),
        "calibration": each(lambda good: {"as_predicted": {"ece": 1 - good, "brier": 0.2}}),
        "abstention": each(lambda _: {"reasons": {"gate refuses": {"coverage": 0.9}}}),
        "temperatures": {name: [1.0, 1.1] for name in GOOD},
        "tests": [],
    }
    changed = {"classifiers": {
        name: {key: {"value": good, "ci95": [0, 1]} for key in ("own", "exchanged", "gained")}
        for name, good in GOOD.items()
    }}  # fmt: skip
    return {
        "classification": each(by_seed),
        "conflict": {"away": groups},
        "exchanged": {"away": {"conflict": changed}},
        "evidence": evidence,
        "reliance": each(reliance),
        "pointing": {"away": {"covid": {name: pointing(good) for name, good in GOOD.items()}}},
        "sanity": {name: {**likeness(good), "seeds": {"0": likeness(good), "1": likeness(good)}}
                   for name, good in GOOD.items()},
    }  # fmt: skip


def training(name: str, seed: int = 0) -> Training:
    return Training(name, ClassifierSettings(), seed, Path("nowhere"), "", "")


@pytest.fixture
def client(tmp_path: Path, empty_store: Path, summary: dict) -> MlflowClient:
    """A store in SQLite with a run for each training and one for the study."""
    shutil.copy(empty_store, tmp_path / STORE)
    tracker = Tracker(tmp_path, "a study")
    for name in GOOD:
        for seed in (0, 1):
            run = tracker.run(f"{name} {seed}", name=f"{name} seed {seed}", digest="1")
            own = summary["classification"][name]["away"]["seeds"][str(seed)]
            run.log_figures({"away": own})  # as every training's figures of merit
            run.log_figures(evidence_figures(summary, training(name, seed)))
    tracker.run("study", name="study", digest="1").log_figures(study_figures(summary))
    return MlflowClient(tracker.uri)


def found(client: MlflowClient, **query) -> list[str]:
    experiment = client.get_experiment_by_name("a study").experiment_id
    return [run.info.run_name for run in client.search_runs([experiment], **query)]


def test_both_classifiers_have_the_same_names_and_their_own_values(client):
    experiment = client.get_experiment_by_name("a study").experiment_id
    runs = {run.info.run_name: run.data.metrics for run in client.search_runs([experiment])}
    isnet, baseline = runs["isnet seed 0"], runs["baseline seed 0"]
    assert set(isnet) == set(baseline)
    expected = {
        "away/macro_f1": 0.9, "away/conflict/macro_f1": 0.9, "away/aligned/macro_f1": 0.9,
        "away/reliance/exchange": 0.1, "away/pointing/covid/hits": 0.9,
        "away/pointing/covid/chance_in_lungs": 0.3, "heatmaps/forgotten/rank": 0.9,
        "heatmaps/shift/rank": 0.9, "over seeds/away/auc": 0.9, "over seeds/away/gap": 0.1,
        "over seeds/away/covid/auc": 0.9, "over seeds/away/calibration/as_predicted/ece": 0.1,
        "over seeds/away/abstention/gate refuses/coverage": 0.9,
        "over seeds/away/reliance/speak_against": 0, "over seeds/away/conflict/gained": 0.9,
    }  # fmt: skip
    assert {name: isnet[name] for name in expected} == pytest.approx(expected)
    assert runs["isnet seed 1"]["away/conflict/macro_f1"] == pytest.approx(0.91)


@pytest.mark.parametrize(
    "name",
    ["away/conflict/macro_f1", "away/pointing/covid/hits", "over seeds/away/auc",
     "heatmaps/forgotten/rank"],
)  # fmt: skip
def test_the_names_filter_and_sort(client, name):
    kept = found(client, filter_string=f'metrics."{name}" > 0.8')
    assert set(kept) == {"isnet seed 0", "isnet seed 1"}
    trained = f'metrics."{name}" > 0'
    ordered = found(client, filter_string=trained, order_by=[f'metrics."{name}" ASC'])
    assert [one.split()[0] for one in ordered] == ["baseline"] * 2 + ["isnet"] * 2


def test_the_studys_run_has_them_by_classifier(client):
    (study,) = found(client, filter_string='metrics."matrix/isnet/away/value" > 0.8')
    assert study == "study"
    assert found(client, filter_string='metrics."pointing/away/covid/isnet/hits/value" > 0.8')
    assert found(client, filter_string='metrics."matrix/baseline/away/gap" > 0')
    assert found(client, filter_string='metrics."heatmaps/isnet/noise/rank" > 0')


def test_a_summary_without_evidence_has_none_to_log(summary):
    bare = {"classification": summary["classification"]}
    figures = evidence_figures(bare, training("isnet"))
    assert not any(figures["away"].values())
    assert evidence_of(bare, "isnet")["classification"] == summary["classification"]["isnet"]


def test_the_artifact_has_all_of_one_classifier_and_nothing_of_another(summary):
    own = evidence_of(summary, "isnet")
    assert set(own) >= {"classification", "reliance", "sanity", "conflict", "pointing", "matrix",
                        "calibration", "abstention", "temperatures", "exchanged"}  # fmt: skip
    text = json.dumps(own)
    assert "0.6" not in text
    assert "baseline" not in text
