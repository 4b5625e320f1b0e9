"""What a run of ``predict`` leaves beside its predictions: its lists and ``run.json``.

``failures.csv``, ``refused.csv`` and ``ignored.csv`` name every file without a prediction, with its
reason, and are there even if they hold a header alone. ``run.json`` says what ran, and how it
ended: counts of the whole job, versions, digests of the model's files, the device and the exit
code; and of this run alone, how many seconds its steps took. No file is named in it.
"""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from isnet_cxr.data.learning.package import CONFIG, LUNGS, WEIGHTS
from isnet_cxr.data.manifests.failures import Failure, write_failures
from isnet_cxr.data.writers.atomic import replacing

FAILURES, REFUSALS, IGNORED = "failures.csv", "refused.csv", "ignored.csv"
RUN = "run.json"
VERSIONS = ("isnet-cxr", "torch", "numpy", "pydicom", "pillow", "nibabel")


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: every file found is one of the four.

    Attributes:
        count: Files predicted, each different image once.
        duplicates: How many of them have the pixels of another.
        failures: Files that could not be used.
        refused: Images that the gate refused: they are not predicted.
        ignored: Files that are no image.
        device: What the networks ran on.
    """

    count: int
    duplicates: int = 0
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
        copies = f" ({self.duplicates} duplicates)" if self.duplicates else ""
        return (
            f"{self.found} files found: {self.count} predicted{copies}, "
            f"{len(self.failures)} failed, {len(self.refused)} refused, "
            f"{len(self.ignored)} ignored"
        )


def digest_models(model: Path, lungs: Path | None) -> dict[str, dict[str, str]]:
    """Return the digests of a classifier's package and of its lung segmenter's.

    Args:
        model: The classifier's package.
        lungs: The lung segmenter's, if it is not the one in ``model``.
    """
    return {"model": _digests(model), "lung segmenter": _digests(lungs or model / LUNGS)}


def describe_job(
    digests: Mapping[str, Any], *, explained: str, outputs: Sequence[str], refuse: bool
) -> dict[str, Any]:
    """Return what decides the predictions of a job, as plain values."""
    return {
        "version": _version("isnet-cxr"),
        **digests,
        "explained class": explained,
        "outputs": list(outputs),
        "gate": refuse,
    }


def write_record(
    outcome: Outcome,
    out: Path,
    *,
    digests: Mapping[str, Mapping[str, str]],
    seconds: Mapping[str, float],
    exit_code: int,
) -> None:
    """Write the lists and ``run.json`` into ``out``.

    Args:
        outcome: What came of the run.
        out: The folder of its results, made if missing.
        digests: Of the models, see ``digest_models``.
        seconds: How long each step took, summed over all who worked.
        exit_code: How the command ends.
    """
    write_failures(outcome.failures, out / FAILURES)
    write_failures(outcome.refused, out / REFUSALS)
    write_failures(outcome.ignored, out / IGNORED)
    record = {
        "found": outcome.found,
        "predicted": outcome.count,
        "duplicates": outcome.duplicates,
        "failed": len(outcome.failures),
        "refused": len(outcome.refused),
        "ignored": len(outcome.ignored),
        "ignored_reasons": dict(Counter(one.reason for one in outcome.ignored)),
        "exit_code": exit_code,
        "device": outcome.device,
        "model": {"sha256": digests["model"], "lungs_sha256": digests["lung segmenter"]},
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
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
