"""Runs that ``exporting`` wrote, delivered to another store: nothing twice, however often."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.tracking.exporting import ARTIFACTS, CONTENT, MODELS, VERSION, quiet
from isnet_cxr.pipeline.tracking.registry import CHAMPION, DIGEST, Candidate, register_model
from isnet_cxr.pipeline.tracking.run import BATCH, Line, Run
from isnet_cxr.pipeline.tracking.store import experiment_name, opening
from isnet_cxr.pipeline.tracking.tracker import open_experiment

ORIGIN, COMPLETE = "isnet_cxr.origin", "isnet_cxr.imported"


def import_runs(folder: Path, uri: str) -> tuple[int, int]:
    """Deliver exported runs to the store at ``uri``.

    What is there is left alone; an import that was interrupted goes on.

    Args:
        folder: What ``export_runs`` wrote.
        uri: The store's address.

    Returns:
        How many runs there are, and how many of them were new or incomplete.

    Raises:
        InputError: If ``folder`` is no export, or the store does not answer.
    """
    content = _read(folder)
    with opening(uri), quiet():
        client, experiment, _ = open_experiment(uri, experiment_name(content["experiment"]), None)
        numbers: dict[str, str] = {}
        new = 0
        for run in sorted(content["runs"], key=lambda run: MLFLOW_PARENT_RUN_ID in run["tags"]):
            number, was_complete = _import(client, experiment, run, numbers, folder / ARTIFACTS)
            numbers[run["id"]] = number
            new += not was_complete
        for version in content["registered"]:
            candidate = Candidate(
                experiment, numbers[version["run"]], version["name"], version["tags"],
                version["description"], champion=CHAMPION in version["aliases"],
            )  # fmt: skip
            register_model(client, folder / MODELS / version["model"], candidate)
    return len(content["runs"]), new


def _read(folder: Path) -> dict[str, Any]:
    path = folder / CONTENT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, runs, registered = (content[key] for key in ("version", "runs", "registered"))
        names = [run["id"] for run in runs] + [entry["model"] for entry in registered]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: missing, damaged, or not written by `runs export`") from None
    if version != VERSION:
        raise InputError(f"{path}: an export of version {version!r}, expected {VERSION}")
    if not all(isinstance(name, str) and name.replace("-", "").isalnum() for name in names):
        raise InputError(f"{path}: damaged: a run or model without an id")
    if any(DIGEST not in entry["tags"] for entry in registered):
        raise InputError(f"{path}: damaged: a registered model without its digest")
    return dict(content)


def _import(
    client: MlflowClient,
    experiment: str,
    run: Mapping[str, Any],
    numbers: Mapping[str, str],
    artifacts: Path,
) -> tuple[str, bool]:
    """Deliver one run; return its id there, and whether it was complete before."""
    found = client.search_runs([experiment], f"tags.`{ORIGIN}` = '{run['id']}'", max_results=1)
    if found and COMPLETE in found[0].data.tags:
        return str(found[0].info.run_id), True
    number = found[0].info.run_id if found else _create(client, experiment, run, numbers)
    Run(client, number, Line()).log_params(run["params"])
    _log_metrics(client, number, run["metrics"])
    if run["inputs"]:
        client.log_inputs(number, [_input(entry) for entry in run["inputs"]])
    if (artifacts / run["id"]).is_dir():
        client.log_artifacts(number, str(artifacts / run["id"]))
    status = "KILLED" if run["status"] == "RUNNING" else run["status"]
    client.set_terminated(number, status, run["end"])
    client.set_tag(number, COMPLETE, "yes")
    return str(number), False


def _create(
    client: MlflowClient, experiment: str, run: Mapping[str, Any], numbers: Mapping[str, str]
) -> str:
    tags = {**run["tags"], ORIGIN: run["id"]}
    parent = tags.pop(MLFLOW_PARENT_RUN_ID, None)
    if parent in numbers:
        tags[MLFLOW_PARENT_RUN_ID] = numbers[parent]
    created = client.create_run(experiment, run["start"], tags, run["name"])
    return str(created.info.run_id)


def _log_metrics(
    client: MlflowClient, number: str, metrics: Mapping[str, Sequence[Sequence[Any]]]
) -> None:
    """Log what the run does not have, with the times at which it was measured."""
    new = []
    for name, points in metrics.items():
        known = {(p.timestamp, p.step) for p in client.get_metric_history(number, name)}
        new += [
            Metric(name, value, timestamp, step)
            for value, timestamp, step in points
            if (timestamp, step) not in known
        ]
    for start in range(0, len(new), BATCH):
        client.log_batch(number, metrics=new[start : start + BATCH])


def _input(entry: Mapping[str, Any]) -> DatasetInput:
    tags = [InputTag(name, value) for name, value in entry["tags"].items()]
    return DatasetInput(Dataset(**entry["dataset"]), tags)
