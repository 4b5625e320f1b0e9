"""A package in MLflow's registry: a logged model with signature and example, a version, an alias.

Everything may be called again: a package that is there is found by its digest and left alone; what
an interruption left half done is removed.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

CHAMPION, DESCRIPTION = "champion", "MLmodel"
TRACKING_URI = "MLFLOW_TRACKING_URI"
DIGEST = "isnet_cxr.package"
RESEARCH = "Chest X-ray classifier. Research use only."
MODEL_TYPE = "isnet-cxr classifier"
_NOT_IN_NAMES = re.compile(r"[/:.%\"']")


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        name: Of the registered model.
        version: Its number.
        is_champion: Whether the alias points to it.
    """

    name: str
    version: str
    is_champion: bool

    @property
    def uri(self) -> str:
        """What ``mlflow models serve --model-uri`` takes."""
        return f"models:/{self.name}{f'@{CHAMPION}' if self.is_champion else f'/{self.version}'}"


@dataclass(frozen=True)
class Candidate:
    """What a version in the registry says of its model.

    Attributes:
        experiment: MLflow's number of the experiment.
        run_id: Of the training.
        name: Of the registered model; what MLflow does not take in names becomes a dash.
        tags: Of the model and the version.
        description: Of the version, Markdown.
        champion: Whether it gets the alias; else the alias stays where it is.
    """

    experiment: str
    run_id: str
    name: str
    tags: Mapping[str, str]
    description: str
    champion: bool


def register_package(client: MlflowClient, package: Path, candidate: Candidate) -> Registered:
    """Register a classifier's package, once; and let the alias ``champion`` point to it.

    Raises:
        MlflowException: If the store does not take it.
        InputError: If the package is wrong.
    """
    from isnet_cxr.pipeline.serving.model import write_model  # with torch: only to register

    own = replace(candidate, tags={**candidate.tags, DIGEST: _digest(package)})
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        model = Path(folder) / "model"
        if _find(client, registry_name(own.name), own.tags[DIGEST]) is None:
            write_model(package, model)
        return register_model(client, model, own)


def register_model(client: MlflowClient, model: Path, candidate: Candidate) -> Registered:
    """Register an MLflow model, as ``register_package`` does; its tags hold its digest.

    Args:
        client: Of the store.
        model: Folder of the model; not looked at where it is registered already.
        candidate: What is said of it.

    Raises:
        MlflowException: If the store does not take it.
    """
    named = registry_name(candidate.name)
    version = _find(client, named, candidate.tags[DIGEST])
    if version is None:
        model_id = _log_model(client, model, candidate)
        _ensure(client, named)
        with _everywhere(client.tracking_uri):
            version = client.create_model_version(
                named, f"models:/{model_id}", candidate.run_id, tags=dict(candidate.tags),
                description=candidate.description, model_id=model_id,
            )  # fmt: skip
    if candidate.champion:
        client.set_registered_model_alias(named, CHAMPION, version.version)
    return Registered(named, str(version.version), candidate.champion)


def registry_name(name: str) -> str:
    """Return a name that MLflow's registry takes."""
    return _NOT_IN_NAMES.sub("-", name)


@contextmanager
def _everywhere(uri: str) -> Iterator[None]:
    """Make ``uri`` MLflow's own choice, which its registry goes by, whatever its client's is."""
    before = os.environ.get(TRACKING_URI)
    try:
        with _use_tracking_uri(uri):
            yield
    finally:
        if before is not None:
            os.environ[TRACKING_URI] = before


def _find(client: MlflowClient, name: str, digest: str) -> ModelVersion | None:
    """Return the version that is this very package."""
    found = client.search_model_versions(f"name='{name}'")
    return next((one for one in found if one.tags.get(DIGEST) == digest), None)


def _ensure(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name, description=RESEARCH)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log_model(client: MlflowClient, written: Path, candidate: Candidate) -> str:
    """Log a model's folder as a model of a run; return the model's id."""
    experiment, run_id, tags = candidate.experiment, candidate.run_id, candidate.tags
    for left in client.search_logged_models([experiment]):
        if left.tags.get(DIGEST) == tags[DIGEST]:
            if left.status == LoggedModelStatus.READY:
                return str(left.model_id)
            client.delete_logged_model(left.model_id)
    model = client.create_logged_model(
        experiment, "classifier", run_id, tags=dict(tags), model_type=MODEL_TYPE
    )
    client.log_model_artifacts(model.model_id, str(written))
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        named = Path(folder) / DESCRIPTION
        _name_model(written / DESCRIPTION, named, model_id=model.model_id, run_id=run_id)
        client.log_model_artifact(model.model_id, str(named))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    return str(model.model_id)


def _name_model(written: Path, named: Path, *, model_id: str, run_id: str) -> None:
    """Write a model's description anew, with the ids that it got."""
    content = yaml.safe_load(written.read_text(encoding="utf-8"))
    content |= {"model_id": model_id, "run_id": run_id}
    named.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _digest(package: Path) -> str:
    """Digest what makes a package's predictions."""
    from isnet_cxr.data.learning.package import CONFIG, WEIGHTS

    digest = hashlib.sha256()
    for file in sorted(package.rglob("*")):
        if file.name in (WEIGHTS, CONFIG):
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
