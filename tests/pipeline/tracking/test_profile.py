"""The pieces of the compose file's ``mlflow`` profile, started without containers and logged to."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient
from servers import Server, postgres

from isnet_cxr.pipeline.tracking import check_store

pytestmark = pytest.mark.slow

COMPOSE = Path(__file__).resolve().parents[3] / "docker" / "compose.yaml"
SERVICES = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
PROFILE: dict[str, Any] = SERVICES["mlflow"]
# What differs without containers: the port is one that is free, the folder is the test's.
HERE = {":5000": ":{port}", "--port=5000": "--port={port}", "=/artifacts": "={artifacts}"}


def with_defaults(text: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def here(text: str) -> str:
    for there, own in HERE.items():
        text = text.replace(there, own)
    return text.replace("--host=0.0.0.0", "--host=127.0.0.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    assert PROFILE["entrypoint"] == ["mlflow"]
    with postgres() as database:
        arguments = [here(with_defaults(argument)) for argument in PROFILE["command"]]
        running = Server(database, folder, arguments)
        running.start()
        yield running
        running.kill()


def test_the_store_is_given_as_this_projects_driver_has_it():
    store = with_defaults(PROFILE["environment"]["MLFLOW_BACKEND_STORE_URI"])
    assert store.startswith("postgresql+pg8000://mlflow:")
    assert store.endswith("@database:5432/mlflow")


def test_the_health_check_passes(server):
    check = PROFILE["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]
    code = check[3].replace("http://localhost:5000", server.address)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_runs_and_their_files_go_through_the_server(server, folder, tmp_path):
    assert "experiments" in check_store(server.address)
    client = MlflowClient(server.address)
    run = client.create_run(client.create_experiment("profile"))
    client.log_metric(run.info.run_id, "val_loss", 0.25)
    (tmp_path / "report.html").write_text("a report")
    client.log_artifact(run.info.run_id, str(tmp_path / "report.html"))

    assert client.get_run(run.info.run_id).data.metrics == {"val_loss": 0.25}
    (kept,) = (folder / "artifacts").rglob("report.html")
    assert kept.read_text() == "a report"
    fetched = client.download_artifacts(run.info.run_id, "report.html", str(tmp_path / "back"))
    assert Path(fetched).read_text() == "a report"


def test_a_name_that_was_not_allowed_is_refused(server):
    asked = urllib.request.Request(
        f"{server.address}/api/2.0/mlflow/experiments/search?max_results=1",
        headers={"Host": "elsewhere.example"},
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked, timeout=30)
