"""One MLflow run, and the line to its store, which may be lost while a study goes on."""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import mlflow.data
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import DatasetInput, InputTag, Metric, Param
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from isnet_cxr.pipeline.tracking.store import FAILURES, first_line

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["FINISHED", "FAILED", "KILLED"]
LOGGED_COLUMNS = ["image_id", "dataset", "label", "view", "split", "mask_source", "mask_quality"]
EPOCH = "epoch"
"""A key of an epoch's metrics that is no metric."""
PARAMS, LONGEST_NAME = 100, 250
"""Parameters of one request, and characters of a name, that MLflow takes."""

BATCH = 500
"""Metrics of one request; MLflow takes a thousand."""
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]")

Answer = TypeVar("Answer")


class Line:
    """The line to a store: once it is lost, nothing more is tried in this process.

    Attributes:
        lost: Why it was lost; empty while it holds.
    """

    def __init__(self) -> None:
        """Start with a line that holds."""
        self.lost = ""

    def send(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Return what ``call`` does, or ``otherwise`` where the store does not answer."""
        if self.lost:
            return otherwise
        try:
            return call()
        except FAILURES as error:
            self.lost = first_line(error)
            return otherwise


@dataclass(frozen=True)
class Run:
    """One MLflow run; all of its methods may be called again with the same content.

    Attributes:
        client: Of the store.
        run_id: MLflow's; empty where the run could not be made.
        line: To the store, shared by all runs of a study.
    """

    client: MlflowClient
    run_id: str
    line: Line

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log settings; nested ones get dotted names."""

        def send() -> None:
            known = self.client.get_run(self.run_id).data.params
            named = {
                _NOT_IN_NAMES.sub("_", k)[:LONGEST_NAME]: v for k, v in flatten(params).items()
            }
            new = [Param(name, str(v)) for name, v in named.items() if name not in known]
            for start in range(0, len(new), PARAMS):
                self.client.log_batch(self.run_id, params=new[start : start + PARAMS])

        self._send(send)

    def log_metrics(self, metrics: Mapping[str, Any], *, step: int = 0) -> None:
        """Log those of ``metrics`` that are finite numbers; nested ones get names with slashes."""
        found = _points(metrics, step)
        if found:
            self._send(lambda: self.client.log_batch(self.run_id, metrics=found))

    def log_figures(self, figures: Mapping[str, Any]) -> None:
        """Log final figures; those that the run has already, with this value, are left alone."""

        def send() -> None:
            known = self.client.get_run(self.run_id).data.metrics
            new = [point for point in _points(figures, 0) if known.get(point.key) != point.value]
            if new:
                self.client.log_batch(self.run_id, metrics=new)

        self._send(send)

    def log_history(self, epochs: Sequence[Mapping[str, float]]) -> None:
        """Log the metrics of those epochs, counted from 0, that the run does not have."""
        points = [point for step, metrics in enumerate(epochs) for point in _points(metrics, step)]
        names = dict.fromkeys(point.key for point in points if point.key != EPOCH)

        def send() -> None:
            known = {
                (name, point.step)
                for name in names
                for point in self.client.get_metric_history(self.run_id, name)
            }
            new = [p for p in points if p.key in names and (p.key, p.step) not in known]
            for start in range(0, len(new), BATCH):
                self.client.log_batch(self.run_id, metrics=new[start : start + BATCH])

        self._send(send)

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
        self._send(lambda: self.client.log_inputs(self.run_id, [DatasetInput(entity, tags)]))

    def log_file(self, path: Path, *, folder: str = "") -> None:
        """Keep a file as an artifact."""
        self._send(lambda: self.client.log_artifact(self.run_id, str(path), folder or None))

    def log_folder(self, path: Path, *, folder: str) -> None:
        """Keep a folder's files as artifacts."""
        self._send(lambda: self.client.log_artifacts(self.run_id, str(path), folder))

    def tag(self, **tags: str) -> None:
        """Set tags."""
        for name, value in tags.items():
            self._send(lambda n=name, v=value: self.client.set_tag(self.run_id, n, v))  # type: ignore[misc]

    def has_tag(self, name: str, value: str) -> bool:
        """Whether the tag is set to ``value``; False where the store does not answer."""
        if not self.run_id:
            return False
        return self.line.send(
            lambda: bool(self.client.get_run(self.run_id).data.tags.get(name) == value), False
        )

    def end(self, status: Status = "FINISHED") -> None:
        """Set how the run ended."""
        self._send(lambda: self.client.set_terminated(self.run_id, status))

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

    def _send(self, call: Callable[[], None]) -> None:
        if self.run_id:
            self.line.send(call, None)


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


def _points(metrics: Mapping[str, Any], step: int) -> list[Metric]:
    """Return MLflow's metrics of those that are finite numbers."""
    now = int(time.time() * 1000)
    return [
        Metric(_NOT_IN_NAMES.sub("_", name), float(value), now, step)
        for name, value in flatten(metrics, separator="/").items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
