"""MLflow runs: nested, resumed rather than repeated, and free of paths and patients."""

import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from isnet_cxr.pipeline.tracking import STORE, Tracker, check_store, tracking_uri


@pytest.fixture
def tracker(tmp_path: Path, empty_store: Path) -> Tracker:
    shutil.copy(empty_store, tmp_path / STORE)
    return Tracker(tmp_path, "a study")


def manifest() -> pd.DataFrame:
    columns = ["image_id", "dataset", "label", "view", "split", "mask_source", "mask_quality"]
    images = pd.DataFrame({column: ["a", "b"] for column in columns})
    return images.assign(path="/secret/Jane.dcm", patient_id="here/0123456789ab")


def test_a_child_knows_its_parent(tracker):
    parent = tracker.run("study", name="study", digest="1")
    child = tracker.run("isnet", name="isnet", digest="1", parent=parent)
    tags = MlflowClient(tracker.uri).get_run(child.run_id).data.tags
    assert tags[MLFLOW_PARENT_RUN_ID] == parent.run_id


def test_the_same_training_goes_on_in_its_run(tracker, tmp_path):
    first = tracker.run("isnet", name="isnet", digest="1")
    first.end("KILLED")
    again = Tracker(tmp_path, "a study").run("isnet", name="isnet", digest="1")
    assert again.run_id == first.run_id
    assert MlflowClient(tracker.uri).get_run(again.run_id).info.status == "RUNNING"


def test_a_training_with_other_settings_is_another_run(tracker):
    first = tracker.run("isnet", name="isnet", digest="1")
    other = tracker.run("isnet", name="isnet", digest="2")
    assert other.run_id != first.run_id
    assert first.has_tag("superseded", "true")


def test_metrics_are_kept_by_epoch(tracker):
    run = tracker.run("isnet", name="isnet", digest="1")
    for epoch in range(3):
        run.log_metrics({"loss": 1 / (epoch + 1)}, step=epoch)
    history = MlflowClient(tracker.uri).get_metric_history(run.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]


def test_nested_figures_get_names_that_mlflow_takes(tracker):
    run = tracker.run("isnet", name="isnet", digest="1")
    figures = {
        "cohen + jsrt": {"macro_f1": 0.5, "confusion": [[1]], "auc": None, "x": float("nan")}
    }
    run.log_metrics(figures)
    assert MlflowClient(tracker.uri).get_run(run.run_id).data.metrics == {
        "cohen _ jsrt/macro_f1": 0.5
    }


def test_parameters_may_be_logged_again(tracker):
    run = tracker.run("isnet", name="isnet", digest="1")
    for _ in range(2):
        run.log_params({"epochs": 3, "isnet": {"decay": 0.98}})
    params = MlflowClient(tracker.uri).get_run(run.run_id).data.params
    assert params == {"epochs": "3", "isnet.decay": "0.98"}


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")]
)
def test_a_run_ends_as_its_block_ends(tracker, error, status):
    run = tracker.run("isnet", name="isnet", digest="1")
    with pytest.raises(error), run.ending():
        raise error
    assert MlflowClient(tracker.uri).get_run(run.run_id).info.status == status


def test_images_are_logged_by_digest_without_paths_and_patients(tracker, tmp_path):
    run = tracker.run("isnet", name="isnet", digest="1")
    run.log_images(manifest(), name="development", digest="0123456789abcdef", role="training")
    (logged,) = MlflowClient(tracker.uri).get_run(run.run_id).inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("development", "0123456789abcdef")
    dump = "\n".join(sqlite3.connect(tmp_path / "mlflow.db").iterdump())
    assert "Jane" not in dump
    assert "0123456789ab'" not in dump


def test_artifacts_lie_in_the_studys_folder(tracker, tmp_path):
    (tmp_path / "report.html").write_text("report")
    tracker.run("study", name="study", digest="1").log_file(tmp_path / "report.html")
    (kept,) = (tmp_path / "mlartifacts").rglob("report.html")
    assert kept.read_text() == "report"


def test_the_environment_may_name_another_store(tmp_path, monkeypatch, empty_store):
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'elsewhere.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri(tmp_path) == uri
    assert Tracker(tmp_path, "a study").uri == uri
    assert not (tmp_path / "mlflow.db").exists()
    assert "2 experiments" in check_store(uri)


@pytest.mark.slow
def test_processes_may_open_an_empty_store_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=Tracker, args=(tmp_path, "a study")) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
