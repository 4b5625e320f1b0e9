"""Addresses of stores: what is shown of them, and what is said when they do not answer."""

import shutil
import socket
import sys
import time

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.tracking import (
    STORE,
    Tracker,
    check_store,
    how_to_look,
    without_password,
)
from isnet_cxr.pipeline.tracking.store import first_line


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql+pg8000", "mysql"])
def test_a_server_that_does_not_answer_is_one_line_within_seconds(scheme):
    begun = time.monotonic()
    with pytest.raises(InputError, match="no answer") as refused:
        check_store(f"{scheme}://user:secret@127.0.0.1:{free_port()}")
    assert time.monotonic() - begun < 10
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_never_speaks_is_not_waited_for(monkeypatch, tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        begun = time.monotonic()
        with pytest.raises(InputError, match="no answer"):
            Tracker(tmp_path, "a study")
    assert time.monotonic() - begun < 10


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with pytest.raises(InputError, match="needs the Python package 'psycopg2', which is not"):
            check_store(f"postgresql+psycopg2://user:secret@127.0.0.1:{port}/runs")


@pytest.mark.parametrize("name", ["a?b", "100%25", "a#b", "with space", "ärzte"])
def test_a_studys_folder_may_have_any_name(tmp_path, name, empty_store):
    out = tmp_path / name
    out.mkdir()
    shutil.copy(empty_store, out / STORE)
    tracker = Tracker(out, "a study")
    run = tracker.run("isnet", name="isnet", digest="1")
    (tmp_path / "kept.txt").write_text("kept")
    run.log_file(tmp_path / "kept.txt")
    assert (out / "mlflow.db").is_file()
    assert [path.read_text() for path in (out / "mlartifacts").rglob("kept.txt")] == ["kept"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "kept.txt"])
    assert not tracker.lost


def test_the_hint_fits_the_store():
    assert how_to_look("http://user:secret@mlflow:5000") == "http://user:***@mlflow:5000"
    assert how_to_look("sqlite:////a b/mlflow.db").endswith("'sqlite:////a b/mlflow.db'")
    assert without_password("sqlite:////out/mlflow.db") == "sqlite:////out/mlflow.db"


def test_what_a_client_says_of_an_address_shows_no_password():
    said = "API request to http://user:s:e/c.r!t@mlflow:5000/api/2.0 failed with error code 502"
    shown = first_line(MlflowException(said))
    assert shown == said.replace("s:e/c.r!t", "***")
    assert first_line(OSError("http://mlflow:5000/a is gone")) == "http://mlflow:5000/a is gone"


def test_the_environment_may_name_the_experiment(tmp_path, monkeypatch, empty_store):
    shutil.copy(empty_store, tmp_path / STORE)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the ward")
    client = MlflowClient(Tracker(tmp_path, "a study").uri)
    assert client.get_experiment_by_name("of the ward") is not None
    assert client.get_experiment_by_name("a study") is None


def test_a_deleted_experiment_is_restored_and_its_runs_go_on(tmp_path, empty_store):
    shutil.copy(empty_store, tmp_path / STORE)
    tracker = Tracker(tmp_path, "a study")
    first = tracker.run("isnet", name="isnet", digest="1")
    client = MlflowClient(tracker.uri)
    client.delete_experiment(client.get_experiment_by_name("a study").experiment_id)
    again = Tracker(tmp_path, "a study")
    assert again.was_restored
    assert again.run("isnet", name="isnet", digest="1").run_id == first.run_id
    assert not Tracker(tmp_path, "a study").was_restored
