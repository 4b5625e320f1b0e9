"""A study's runs as a folder, to carry from a machine without network to a server.

``runs.json`` has the runs and registered versions, ``artifacts/<run>`` and ``models/<model>`` their
files. ``importing`` reads it.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.entities.model_registry import ModelVersion

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.tracking.places import correct_places
from isnet_cxr.pipeline.tracking.store import ARTIFACTS as OWN_ARTIFACTS
from isnet_cxr.pipeline.tracking.store import (
    STORE,
    opening,
    own_uri,
    sqlite_file,
    tracking_uri,
)
from isnet_cxr.pipeline.tracking.tracker import RUNS

CONTENT, VERSION = "runs.json", 1
ARTIFACTS, MODELS = "artifacts", "models"
PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


def export_runs(study: Path, out: Path) -> int:
    """Write a study's runs, their files and its registered models into a folder.

    Args:
        study: The study's folder.
        out: Made if missing; an export of the same study is written over.

    Returns:
        How many runs there were.

    Raises:
        InputError: If the study has no runs, or their store does not answer.
    """
    uri = tracking_uri(study)
    file = sqlite_file(uri)
    if not (study / RUNS).is_file() or (file is not None and not file.is_file()):
        raise InputError(f"{study}: no study with MLflow runs: {RUNS} or its store is missing")
    known = json.loads((study / RUNS).read_text(encoding="utf-8"))
    if uri == own_uri(study):
        correct_places(study / STORE, study / OWN_ARTIFACTS)
    with opening(uri), quiet():
        client = MlflowClient(uri)
        runs = [client.get_run(entry["run_id"]) for entry in known.values()]
        name = client.get_experiment(runs[0].info.experiment_id).name
        out.mkdir(parents=True, exist_ok=True)
        for run in runs:
            _fetch(uri, run, out / ARTIFACTS)
        content = {
            "version": VERSION,
            "experiment": name,
            "runs": [_plain_run(client, run) for run in runs],
            "registered": list(_registered(client, uri, runs, out / MODELS)),
        }
    with replacing(out / CONTENT) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return len(runs)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow from showing progress bars."""
    before = os.environ.get(PROGRESS_BAR)
    os.environ[PROGRESS_BAR] = "false"
    try:
        yield
    finally:
        os.environ.pop(PROGRESS_BAR)
        if before is not None:
            os.environ[PROGRESS_BAR] = before


def _plain_run(client: MlflowClient, run: StoredRun) -> dict[str, Any]:
    metrics = {
        name: [
            [point.value, point.timestamp, point.step]
            for point in client.get_metric_history(run.info.run_id, name)
        ]
        for name in run.data.metrics
    }
    inputs = [
        {
            "dataset": dict(one.dataset.to_dictionary()),
            "tags": {tag.key: tag.value for tag in one.tags},
        }
        for one in run.inputs.dataset_inputs
    ]
    return {
        "id": run.info.run_id, "name": run.info.run_name, "status": run.info.status,
        "start": run.info.start_time, "end": run.info.end_time, "tags": dict(run.data.tags),
        "params": dict(run.data.params), "metrics": metrics, "inputs": inputs,
    }  # fmt: skip


def _fetch(uri: str, run: StoredRun, folder: Path) -> None:
    """Fetch a run's files, if it has any."""
    if MlflowClient(uri).list_artifacts(run.info.run_id):
        _download(folder / run.info.run_id, uri, run_id=run.info.run_id)


def _download(place: Path, uri: str, **what: str) -> None:
    """Fetch files into the folder ``place``, anew."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetching-", dir=place.parent) as folder:
        found = Path(mlflow.artifacts.download_artifacts(dst_path=folder, tracking_uri=uri, **what))
        shutil.rmtree(place, ignore_errors=True)
        if found.resolve() == Path(folder).resolve():
            shutil.copytree(found, place)
        else:
            found.rename(place)


def _registered(
    client: MlflowClient, uri: str, runs: Sequence[StoredRun], folder: Path
) -> Iterator[Mapping[str, Any]]:
    """Yield the registered versions of these runs, and fetch their models."""
    for run in runs:
        for found in client.search_model_versions(f"run_id='{run.info.run_id}'"):
            version = client.get_model_version(found.name, found.version)  # with its aliases
            model = _model_of(version)
            location = client.get_logged_model(model).artifact_location
            _download(folder / model, uri, artifact_uri=location)
            yield {
                "name": version.name, "run": run.info.run_id, "model": model,
                "tags": dict(version.tags), "description": version.description or "",
                "aliases": list(version.aliases),
            }  # fmt: skip


def _model_of(version: ModelVersion) -> str:
    return str(version.source).removeprefix("models:/")
