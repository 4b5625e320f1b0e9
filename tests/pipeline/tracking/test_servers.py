"""Stores as hospitals have them: PostgreSQL, and MLflow's server before it, which may die."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from servers import Server, postgres

from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.data.phantoms import DEVELOPMENT, LABELS, Hospital, make_hospital
from isnet_cxr.pipeline.config import StudyConfig, parse_study
from isnet_cxr.pipeline.study.run import run_study
from isnet_cxr.pipeline.tracking import Tracker, check_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(database, tmp_path_factory.mktemp("server"))
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    """A study of two short trainings."""
    folder = tmp_path_factory.mktemp("hospitals")
    datasets = {}
    for hospital in DEVELOPMENT:
        manifest = folder / f"{hospital.name}.csv"
        write_manifest(_images(hospital, folder / hospital.name), manifest)
        datasets[hospital.name] = {"manifest": str(manifest)}
    described = {
        "name": "delivered",
        "classes": list(LABELS),
        "datasets": datasets,
        "development": [hospital.name for hospital in DEVELOPMENT],
        "exclude_duplicates": False,
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 3, "batch_size": 8},
        "classifiers": {"baseline": {"method": "baseline"}},
        "background_control": False,
        "seeds": [0, 1],
    }
    return parse_study(described, folder=folder)


def _images(hospital: Hospital, out: Path) -> pd.DataFrame:
    counts = dict.fromkeys(hospital.looks, 6)
    images = make_hospital(hospital, out, counts=counts, seed=0, suffix="png")
    number = {patient: n for n, patient in enumerate(images["patient_id"].unique())}
    images["split"] = [("test", "val", *["train"] * 4)[number[p]] for p in images["patient_id"]]
    return images


def test_studies_may_open_a_fresh_database_at_once(database, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=Tracker, args=(tmp_path / str(n), f"study {n % 2}"))
        for n in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert check_store(database) == "3 experiments"  # MLflow's own is one


def test_a_server_that_dies_costs_nothing_and_gets_everything_once(
    server, config, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)

    def kill_after_an_epoch(line: str) -> None:
        if "epoch 1/3" in line:
            server.kill()

    finished = run_study(config, tmp_path / "out", say=kill_after_an_epoch, progress=False)
    assert finished.undelivered
    assert finished.report.is_file()
    assert set(finished.summary["classification"]["baseline"]["internal"]["seeds"]) == {"0", "1"}

    server.start()
    for _ in range(2):  # the same command later, and once more
        again = run_study(config, tmp_path / "out", say=lambda _: None, progress=False)
        assert not again.undelivered
        assert again.summary == finished.summary

    client = MlflowClient(server.address)
    experiment = client.get_experiment_by_name("delivered").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert set(runs) == {"delivered", "baseline seed 0", "baseline seed 1"}
    assert len(client.search_runs([experiment])) == 3
    for name in ("baseline seed 0", "baseline seed 1"):
        run_id = runs[name].info.run_id
        assert runs[name].info.status == "FINISHED"
        history = client.get_metric_history(run_id, "val_loss")
        assert [point.step for point in history] == [0, 1, 2]
        assert len(client.get_metric_history(run_id, "internal/accuracy")) == 1
        assert "package" in {file.path for file in client.list_artifacts(run_id)}
    kept = {file.path for file in client.list_artifacts(runs["delivered"].info.run_id)}
    assert {"report.html", "summary.json"} <= kept
