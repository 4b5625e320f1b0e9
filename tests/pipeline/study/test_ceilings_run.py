"""A study with a ceiling on a handful of phantoms, killed in a fold and continued."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from tests_killing import kill_at  # beside this file, see conftest

from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.data.phantoms import HOSPITALS, make_hospital
from isnet_cxr.pipeline.config import load_study
from isnet_cxr.pipeline.study.run import Finished, run_study

pytestmark = pytest.mark.slow

CLASSES = ("normal", "pneumonia", "covid")
PER_CLASS = {
    "northgate": 8,
    "riverside": 8,
    "lakeview": 8,
    "hillcrest": 13,
}  # 10 patients of each class there
SPLITS = {0: "train", 1: "train", 2: "val", 3: "test"}


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hospitals")
    for name, per_class in PER_CLASS.items():
        hospital = HOSPITALS[name]
        counts = dict.fromkeys((label for label in CLASSES if label in hospital.looks), per_class)
        images = make_hospital(hospital, folder / name, counts=counts, seed=1, suffix="png")
        if name != "hillcrest":
            turn = images.groupby("label")["patient_id"].transform(lambda ids: pd.factorize(ids)[0])
            images = images.assign(split=(turn % 4).map(SPLITS))
        write_manifest(images, folder / name / "manifest.csv")
    values = {
        "name": "tiny",
        "classes": list(CLASSES),
        "datasets": {name: {"manifest": f"{name}/manifest.csv"} for name in PER_CLASS},
        "development": ["northgate", "riverside", "lakeview"],
        "external": {"away": ["hillcrest"]},
        "ceilings": {"away": {"folds": 2}},
        "background_control": False,
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 3, "batch_size": 8},
        "classifiers": {
            "baseline": {"method": "baseline"},
            "masked": {"method": "masked_input", "epochs": 1},
        },
        "samples_per_class": 1,
        "jobs": 2,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "out"


@pytest.fixture(scope="module")
def finished(study_file: Path, out: Path) -> Finished:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        kill_at("ceiling of away fold 2 seed 0: epoch 1/3", study_file, out)
        return run_study(load_study(study_file), out, say=lambda _: None, progress=False)


def test_every_image_is_predicted_once_by_a_network_that_never_saw_its_patient(finished, out):
    tested = []
    for number in (1, 2):
        learned = read_manifest(out / "images" / "ceilings" / "away" / f"fold-{number}.parquet")
        place = out / "ceilings" / "away" / f"fold-{number}" / "seed-0"
        assert (place / "learning" / "package" / "weights.safetensors").is_file()
        assert not (place / "validating").exists()
        assert {path.name for path in (place / "testing").iterdir()} == {"done.json", "away.csv"}
        predicted = pd.read_csv(place / "testing" / "away.csv")
        assert set(predicted["patient_id"]).isdisjoint(learned["patient_id"])
        tested.extend(predicted["image_id"])
    everything = pd.read_csv(out / "classifiers" / "baseline" / "seed-0" / "testing" / "away.csv")
    assert sorted(tested) == sorted(everything["image_id"])


def test_summary_report_and_mlflow_have_it(finished):
    own = finished.summary["evidence"]["ceilings"]["away"]
    baseline = finished.summary["evidence"]["matrix"]["cells"]["baseline"]["away"]
    assert own["figure"] == "macro_auc"
    assert own["reached"]["baseline"]["value"] == pytest.approx(baseline["value"])
    assert set(own["closed"]) == {"masked"}
    page = finished.report.read_text()
    assert '<section id="ceilings">' in page
    assert "On away, baseline, trained elsewhere, tells normal, pneumonia and covid" in page
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    metrics = runs["tiny"].data.metrics
    assert metrics["ceilings/away/gap/value"] == pytest.approx(own["gap"]["value"])
    fold = runs["ceiling of away fold 2 seed 0"]
    assert fold.data.tags["role"] == "ceiling"
    assert fold.data.tags["dataset"] == "hillcrest"
    assert fold.data.metrics["macro_auc"] == pytest.approx(own["folds"]["2"]["0"])
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(runs) == 1 + 2 + 2


def test_a_finished_study_trains_no_fold_again(finished, out, study_file):
    said: list[str] = []
    again = run_study(load_study(study_file), out, say=said.append, progress=False)
    assert again.summary == finished.summary
    assert "4 trainings, 4 of them finished before" in said
