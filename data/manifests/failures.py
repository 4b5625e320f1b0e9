"""Inputs that could not be used: listed and left out, never guessed."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name


@dataclass(frozen=True)
class Failure:
    """One input that was left out.

    Attributes:
        path: The file.
        reason: One line, free of patient data.
    """

    path: Path
    reason: str


def write_failures(failures: Iterable[Failure], path: Path) -> None:
    """Write ``path`` as CSV with the columns path and reason; only a header when all went well.

    A path that is not UTF-8 is written as ``written_name`` says.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "reason"])
        writer.writerows([written_name(str(failure.path)), failure.reason] for failure in failures)
