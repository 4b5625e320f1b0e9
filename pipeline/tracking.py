"""MLflow, and the only place that knows it: a study's runs, what is logged, and where it is kept.

By default everything is in the study's folder (SQLite store ``mlflow.db``, files in
``mlartifacts``); ``MLFLOW_TRACKING_URI`` names another place. The runs of a study are remembered
in ``mlflow-runs.json``, so that a study that goes on goes on in the same runs. Nothing logged
holds a path or a patient's id: images are known by the hash of their pixels.
"""

import fcntl
import json
import logging
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

import mlflow.data
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import DatasetInput, InputTag, Metric, Param, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers.atomic import replacing

logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # "creating tables ..."

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["FINISHED", "FAILED", "KILLED"]
STORE, ARTIFACTS, RUNS, LOCK = "mlflow.db", "mlartifacts", "mlflow-runs.json", ".mlflow.lock"
LOGGED_COLUMNS = ["image_id", "dataset", "label", "view", "split", "mask_source", "mask_quality"]
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]")


@dataclass(frozen=True)
class Run:
    """One MLflow run; all of its methods may be called again with the same content."""

    client: MlflowClient
    run_id: str

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log settings; nested ones get dotted names."""
        known = self.client.get_run(self.run_id).data.params
        new = [Param(k, str(v)) for k, v in flatten(params).items() if k not in known]
        if new:
            self.client.log_batch(self.run_id, params=new)

    def log_metrics(self, metrics: Mapping[str, Any], *, step: int = 0) -> None:
        """Log those of ``metrics`` that are finite numbers; nested ones get names with slashes."""
        now = int(time.time() * 1000)
        found = [
            Metric(_NOT_IN_NAMES.sub("_", name), float(value), now, step)
            for name, value in flatten(metrics, separator="/").items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        if found:
            self.client.log_batch(self.run_id, metrics=found)

    def log_images(self, manifest: "pd.DataFrame", *, name: str, digest: str, role: str) -> None:
        """Log a manifest as a dataset input: digest, size and columns, not the images."""
        dataset = mlflow.data.from_pandas(
            manifest[LOGGED_COLUMNS],
            source=CodeDatasetSource({"mlflow.source.name": "isnet-cxr manifest"}),
            name=name,
            digest=digest,
        )
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, role)]
        entity = dataset._to_mlflow_entity()  # the client has no public way to log an input
        self.client.log_inputs(self.run_id, [DatasetInput(entity, tags)])

    def log_file(self, path: Path, *, folder: str = "") -> None:
        """Keep a file as an artifact."""
        self.client.log_artifact(self.run_id, str(path), folder or None)

    def log_folder(self, path: Path, *, folder: str) -> None:
        """Keep a folder's files as artifacts."""
        self.client.log_artifacts(self.run_id, str(path), folder)

    def tag(self, **tags: str) -> None:
        """Set tags."""
        for name, value in tags.items():
            self.client.set_tag(self.run_id, name, value)

    def has_tag(self, name: str, value: str) -> bool:
        """Whether the tag is set to ``value``."""
        return bool(self.client.get_run(self.run_id).data.tags.get(name) == value)

    def end(self, status: Status = "FINISHED") -> None:
        """Set how the run ended."""
        self.client.set_terminated(self.run_id, status)

    @contextmanager
    def ending(self) -> Iterator["Run"]:
        """End the run as the block ends: finished, killed by Ctrl-C, or failed."""
        try:
            yield self
        except KeyboardInterrupt:
            self.end("KILLED")
            raise
        except BaseException:
            self.end("FAILED")
            raise
        self.end()


class Tracker:
    """The MLflow runs of one study."""

    def __init__(self, out: Path, study: str) -> None:
        """Open the store, made if missing.

        Args:
            out: The study's folder.
            study: Its name, which names the experiment.

        Raises:
            InputError: If the store cannot be reached.
        """
        self.uri = tracking_uri(out)
        self._runs_file = out / RUNS
        try:
            with _locked(out / LOCK):
                self._client = MlflowClient(self.uri)
                self._experiment = _experiment(self._client, self.uri, out, study)
        except MlflowException as error:
            raise InputError(f"MLflow store {self.uri}: {error.message}") from None

    def run(self, key: str, *, name: str, digest: str, parent: Run | None = None) -> Run:
        """Start a run, or go on in the one that was started for the same ``key`` and ``digest``.

        Args:
            key: What the run is for, within the study.
            name: What MLflow's pages call it.
            digest: Of what it is made from; a run made from something else is tagged superseded.
            parent: The run it belongs to.
        """
        known = self.known_run(key, digest=digest)
        if known is not None:
            self._client.update_run(known.run_id, status="RUNNING")
            return known
        remembered = self._remembered()
        other = self._find(remembered.get(key, {}).get("run_id"))
        if other is not None:
            other.tag(superseded="true")
        tags = {"isnet_cxr.key": key, **({MLFLOW_PARENT_RUN_ID: parent.run_id} if parent else {})}
        created = self._client.create_run(self._experiment, run_name=name, tags=tags)
        run = Run(self._client, created.info.run_id)
        self._remember({**remembered, key: {"run_id": run.run_id, "digest": digest}})
        return run

    def known_run(self, key: str, *, digest: str) -> Run | None:
        """Return the run that was started for ``key`` and ``digest``, left as it is, or None."""
        remembered = self._remembered().get(key, {})
        return self._find(remembered["run_id"]) if remembered.get("digest") == digest else None

    def _find(self, run_id: str | None) -> Run | None:
        if run_id is None:
            return None
        try:
            found = self._client.get_run(run_id)
        except MlflowException:  # the store was removed or is another one
            return None
        return Run(self._client, run_id) if found.info.lifecycle_stage == "active" else None

    def _remembered(self) -> dict[str, dict[str, str]]:
        if not self._runs_file.is_file():
            return {}
        return dict(json.loads(self._runs_file.read_text()))

    def _remember(self, runs: Mapping[str, Mapping[str, str]]) -> None:
        with replacing(self._runs_file) as temporary:
            temporary.write_text(json.dumps(runs, indent=2) + "\n")


def tracking_uri(out: Path) -> str:
    """Say where the runs of the study in ``out`` are kept."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(out / STORE).absolute()}"


def check_store(uri: str) -> str:
    """Say what is in the store at ``uri``.

    Raises:
        InputError: If it cannot be reached.
    """
    try:
        experiments = MlflowClient(uri).search_experiments(view_type=ViewType.ACTIVE_ONLY)
    except MlflowException as error:
        raise InputError(f"MLflow store {uri}: {error.message}") from None
    return f"{len(experiments)} experiments"


def flatten(values: Mapping[str, Any], *, separator: str = ".") -> dict[str, Any]:
    """Bring nested mappings to one level, keys joined by ``separator``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = flatten(value, separator=separator)
            flat.update({f"{key}{separator}{name}": item for name, item in inner.items()})
        else:
            flat[str(key)] = value
    return flat


def _experiment(client: MlflowClient, uri: str, out: Path, study: str) -> str:
    found = client.get_experiment_by_name(study)
    if found is not None:
        return str(found.experiment_id)
    local = (out / ARTIFACTS).absolute().as_uri() if uri.startswith("sqlite:") else None
    return str(client.create_experiment(study, artifact_location=local))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time create the store: several at once break an empty SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
