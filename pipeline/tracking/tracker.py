"""The MLflow runs of one study: started once, gone on with, and found again."""

import fcntl
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from sqlalchemy.exc import SQLAlchemyError

from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.tracking.origin import origin_tags
from isnet_cxr.pipeline.tracking.places import correct_places
from isnet_cxr.pipeline.tracking.run import Line, Run
from isnet_cxr.pipeline.tracking.store import (
    ARTIFACTS,
    STORE,
    experiment_name,
    opening,
    own_uri,
    remove_stray_folder,
    sqlite_file,
    tracking_uri,
)

logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # "creating tables ..."

RUNS, LOCK = "mlflow-runs.json", ".mlflow.lock"
TRIES, PAUSE_S = 40, 1.5
"""How often, and after what pause, a study tries again while another one makes the same tables."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""What MLflow's pages show an experiment as: model training, not conversations."""

RACES = ("already exist", "duplicate key", "unique constraint", "does not exist", "out-of-date")
"""What databases say to one that comes second, or too early: only then is tried again."""


class Tracker:
    """The MLflow runs of one study.

    Attributes:
        uri: The store's address.
        was_restored: Whether the experiment had been deleted and was brought back.
    """

    def __init__(self, out: Path, study: str) -> None:
        """Open the store, made if missing.

        Args:
            out: The study's folder.
            study: Its name, which names the experiment unless ``MLFLOW_EXPERIMENT_NAME`` does.

        Raises:
            InputError: If the store cannot be reached.
        """
        self.uri = tracking_uri(out)
        self._line = Line()
        self._runs_file = out / RUNS
        with opening(self.uri), _locked(_lock(self.uri, out)):
            if self.uri == own_uri(out):
                correct_places(out / STORE, out / ARTIFACTS)
            artifacts = out / ARTIFACTS if sqlite_file(self.uri) is not None else None
            self._client, self._experiment, self.was_restored = open_experiment(
                self.uri, experiment_name(study), artifacts
            )
            remove_stray_folder(self.uri)

    @property
    def lost(self) -> str:
        """Why the store stopped answering; empty while it answers."""
        return self._line.lost

    @property
    def client(self) -> MlflowClient:
        """Of the store."""
        return self._client

    @property
    def experiment(self) -> str:
        """MLflow's number of the study's experiment."""
        return self._experiment

    @property
    def line(self) -> Line:
        """To the store, shared by all runs of the study."""
        return self._line

    def run(
        self,
        key: str,
        *,
        name: str,
        digest: str,
        parent: Run | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> Run:
        """Start a run, or go on in the one that was started for the same ``key`` and ``digest``.

        Args:
            key: What the run is for, within the study.
            name: What MLflow's pages call it.
            digest: Of what it is made from; a run made from something else is tagged superseded.
            parent: The run it belongs to.
            tags: What MLflow's pages filter and sort it by, besides where it comes from.
            description: Shown with the run, Markdown.
        """
        known = self.known_run(key, digest=digest)
        if known is not None:
            self._line.send(lambda: self._client.update_run(known.run_id, status="RUNNING"), None)
            return known
        remembered = self._remembered()
        other = self._find(remembered.get(key, {}).get("run_id"))
        if other is not None:
            other.tag(superseded="true")
        own = {"isnet_cxr.key": key, **origin_tags(), **(tags or {})}
        if description:
            own[MLFLOW_RUN_NOTE] = description
        if parent is not None and parent.run_id:
            own[MLFLOW_PARENT_RUN_ID] = parent.run_id
        run_id = self._line.send(lambda: self._create(name, own), "")
        if run_id:
            self._remember({**remembered, key: {"run_id": run_id, "digest": digest}})
        return Run(self._client, run_id, self._line)

    def known_run(self, key: str, *, digest: str) -> Run | None:
        """Return the run that was started for ``key`` and ``digest``, left as it is, or None."""
        remembered = self._remembered().get(key, {})
        return self._find(remembered["run_id"]) if remembered.get("digest") == digest else None

    def run_id(self, key: str) -> str:
        """Return MLflow's id of the run for ``key``; empty where the store does not have it."""
        found = self._find(self._remembered().get(key, {}).get("run_id"))
        return "" if found is None else found.run_id

    def _create(self, name: str, tags: dict[str, str]) -> str:
        created = self._client.create_run(self._experiment, run_name=name, tags=tags)
        return str(created.info.run_id)

    def _find(self, run_id: str | None) -> Run | None:
        if run_id is None or self._line.lost:
            return None
        try:
            found = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # the store is another one
                return None
            self._line.lost = str(error.message)
            return None
        stage = found.info.lifecycle_stage
        return Run(self._client, run_id, self._line) if stage == "active" else None

    def _remembered(self) -> dict[str, dict[str, str]]:
        if not self._runs_file.is_file():
            return {}
        return dict(json.loads(self._runs_file.read_text()))

    def _remember(self, runs: Mapping[str, Mapping[str, str]]) -> None:
        with replacing(self._runs_file) as temporary:
            temporary.write_text(json.dumps(runs, indent=2) + "\n")


def open_experiment(uri: str, name: str, artifacts: Path | None) -> tuple[MlflowClient, str, bool]:
    """Open a store and an experiment in it, made or brought back where need be.

    Args:
        uri: The store's address.
        name: Of the experiment.
        artifacts: Folder of a new experiment's files; None leaves it to the store.

    Returns:
        A client, the experiment's id, and whether it had been deleted and was brought back.
    """
    for left in reversed(range(TRIES)):
        try:
            client = MlflowClient(uri)
            found = client.get_experiment_by_name(name)
            if found is None:
                place = None if artifacts is None else artifacts.absolute().as_uri()
                made = client.create_experiment(name, artifact_location=place, tags=dict(KIND))
                return client, str(made), False
            was_deleted = found.lifecycle_stage != "active"
            if was_deleted:
                client.restore_experiment(found.experiment_id)
            for tag in KIND.keys() - found.tags.keys():
                client.set_experiment_tag(found.experiment_id, tag, KIND[tag])
            return client, str(found.experiment_id), was_deleted
        except (MlflowException, SQLAlchemyError) as error:
            if not left or not any(words in str(error).lower() for words in RACES):
                raise
            time.sleep(PAUSE_S)
    raise AssertionError("the last try returns or raises")


def _lock(uri: str, out: Path) -> Path:
    """Return the file that keeps two processes from making one store: beside an SQLite file."""
    database = sqlite_file(uri)
    return out / LOCK if database is None else database.with_name(f".{database.name}.lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time create the store: several at once break an empty SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
