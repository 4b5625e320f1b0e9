"""What a run of ``predict`` leaves beside its predictions: its lists and ``run.json``.

``failures.csv``, ``refused.csv`` and ``ignored.csv`` name every file without a prediction, with its
reason, and are there even if they hold a header alone. ``run.json`` says what ran, and how it
ended: counts, versions, digests of the model's files, the device and the exit code. No file is
named in it.
"""

import csv
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from isnet_cxr.data.finding import Shard
from isnet_cxr.data.learning.package import CONFIG, LUNGS, WEIGHTS
from isnet_cxr.data.manifests.failures import Failure, write_failures
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.prediction.ledger import PREDICTIONS, Ledger

FAILURES, REFUSALS, IGNORED = "failures.csv", "refused.csv", "ignored.csv"
FILES, RUN = "files.csv", "run.json"
NAMES = ("number", "image_id")
"""First columns of both tables, and all of those of an empty one."""
VERSIONS = ("isnet-cxr", "torch", "numpy", "pydicom", "pillow", "nibabel")


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: every file found is one of the four.

    Attributes:
        count: Images predicted.
        failures: Files that could not be used.
        refused: Images that the gate refused: they are not predicted.
        ignored: Files that are no image.
        device: What the networks ran on.
    """

    count: int
    failures: Sequence[Failure] = field(default=())
    refused: Sequence[Failure] = field(default=())
    ignored: Sequence[Failure] = field(default=())
    device: str = ""

    @property
    def found(self) -> int:
        """How many files there were."""
        return self.count + len(self.failures) + len(self.refused) + len(self.ignored)

    def __str__(self) -> str:
        """Return one line that adds up."""
        return (
            f"{self.found} files found: {self.count} predicted, {len(self.failures)} failed, "
            f"{len(self.refused)} refused, {len(self.ignored)} ignored"
        )


def digest_models(model: Path, lungs: Path | None) -> dict[str, dict[str, str]]:
    """Return the digests of a classifier's package and of its lung segmenter's.

    Args:
        model: The classifier's package.
        lungs: The lung segmenter's, if it is not the one in ``model``.
    """
    return {"model": _digests(model), "lung segmenter": _digests(lungs or model / LUNGS)}


def describe_job(
    digests: Mapping[str, Any],
    *,
    explained: str,
    outputs: Sequence[str],
    refuse: bool,
    shard: Shard,
) -> dict[str, Any]:
    """Return what decides the predictions of a job, as plain values."""
    return {
        "version": _version("isnet-cxr"),
        **digests,
        "explained class": explained,
        "outputs": list(outputs),
        "gate": refuse,
        "shard": str(shard),
    }


def write_tables(ledger: Ledger, early: Outcome, out: Path, *, device: str) -> Outcome:
    """Write ``predictions.csv`` and ``files.csv`` from the ledger; return what came of the job.

    Args:
        ledger: Of the job.
        early: What was known before it began.
        out: Folder of the results.
        device: What the networks ran on.
    """
    others: dict[str, list[Failure]] = {"failed": list(early.failures), "refused": []}
    columns: list[str] = []
    for entry in ledger.entries():
        columns = columns or list(entry.row)
        if entry.kind != "predicted":
            others[entry.kind].append(Failure(Path(entry.name), entry.reason))
    rows = (entry for entry in ledger.entries() if entry.kind == "predicted")
    _write_rows(columns or [*NAMES], (entry.row for entry in rows), out / PREDICTIONS)
    rows = (entry for entry in ledger.entries() if entry.kind == "predicted")
    files = (
        {name: entry.row[name] for name in NAMES}
        | {"file": written_name(entry.name), "reading": entry.reading}
        for entry in rows
    )
    _write_rows([*NAMES, "file", "reading"], files, out / FILES)
    return replace(
        early, count=ledger.counts["predicted"], failures=others["failed"],
        refused=others["refused"], device=device,
    )  # fmt: skip


def _write_rows(columns: Sequence[str], rows: Iterable[Mapping[str, str]], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)


def write_record(
    outcome: Outcome,
    out: Path,
    *,
    digests: Mapping[str, Mapping[str, str]],
    shard: Shard,
    exit_code: int,
) -> None:
    """Write the lists and ``run.json`` into ``out``.

    Args:
        outcome: What came of the run.
        out: The folder of its results, made if missing.
        digests: Of the models, see ``digest_models``.
        shard: Which share of the inputs it was.
        exit_code: How the command ends.
    """
    write_failures(outcome.failures, out / FAILURES)
    write_failures(outcome.refused, out / REFUSALS)
    write_failures(outcome.ignored, out / IGNORED)
    record = {
        "shard": str(shard),
        "found": outcome.found,
        "predicted": outcome.count,
        "failed": len(outcome.failures),
        "refused": len(outcome.refused),
        "ignored": len(outcome.ignored),
        "ignored_reasons": dict(Counter(one.reason for one in outcome.ignored)),
        "exit_code": exit_code,
        "device": outcome.device,
        "model": {"sha256": digests["model"], "lungs_sha256": digests["lung segmenter"]},
        "versions": {"python": platform.python_version()} | {n: _version(n) for n in VERSIONS},
    }
    with replacing(out / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _digests(package: Path) -> dict[str, str]:
    """Return the SHA-256 of a package's files that make predictions, as ``sha256sum`` says it."""
    digests = {}
    for name in (WEIGHTS, CONFIG):
        if (package / name).is_file():
            with (package / name).open("rb") as stream:
                digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
