"""What all adapters need to walk a publisher's folder, with errors that say what is missing."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data.readers import IMAGE_SUFFIXES
from data.records import Record

OLDEST_YEARS = 120
SEXES = {"M": "M", "F": "F", "MALE": "M", "FEMALE": "F", "O": "O"}


@dataclass(frozen=True)
class Listing:
    """What a dataset holds.

    Attributes:
        records: The images that are used, in the publisher's order.
        left_out: How many images are not used, by reason.
    """

    records: list[Record]
    left_out: dict[str, int] = field(default_factory=dict)


def existing_folder(folder: Path, *, layout: str) -> Path:
    """Return ``folder``, or say which layout was expected.

    Raises:
        FileNotFoundError: If it is no folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {layout}")
    return folder


def list_images(folder: Path, *, layout: str) -> list[Path]:
    """Return the image files of a folder, by name.

    Raises:
        FileNotFoundError: If it is no folder or holds no image.
    """
    found = sorted(existing_folder(folder, layout=layout).iterdir())
    images = [path for path in found if path.name.lower().endswith(IMAGE_SUFFIXES)]
    if not images:
        raise FileNotFoundError(f"{folder}: no image in it; expected {layout}")
    return images


def existing_files(paths: Iterable[Path], *, table: Path) -> list[Path]:
    """Return ``paths``, or count those that are missing and name the first.

    Args:
        paths: The files that ``table`` names.
        table: Named in the error.

    Raises:
        FileNotFoundError: If any of them does not exist.
    """
    named = list(paths)
    missing = [path for path in named if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{table}: {len(missing)} of {len(named)} images are missing, the first is {missing[0]}"
        )
    return named


def read_table(path: Path, *, columns: Iterable[str], layout: str) -> list[dict[str, str]]:
    """Read a CSV file with a header, without surrounding blanks.

    Args:
        path: The file.
        columns: Columns that it must have.
        layout: What the error says was expected.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8 text, or a column is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected {layout}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            rows = [{name: (row[name] or "").strip() for name in names} for row in reader]
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path}: no readable CSV table in UTF-8") from None
    missing = [column for column in columns if column not in names]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; it has {', '.join(names)}")
    return rows


def parse_age(text: str) -> float:
    """Return years from ``57``, ``57.0`` or ``057Y``; NaN when unknown or impossible."""
    try:
        age = float(text.rstrip("Yy"))
    except ValueError:
        return math.nan
    return age if 0 <= age <= OLDEST_YEARS else math.nan


def parse_sex(text: str) -> str:
    """Return M, F, O or empty."""
    return SEXES.get(text.upper(), "")
