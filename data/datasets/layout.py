"""What all adapters need to walk a publisher's folder, with errors that say what is missing.

No error names a file of a single image: the names often hold the publisher's patient id.
"""

import csv
import gzip
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers import IMAGE_SUFFIXES

OLDEST_YEARS = 120
SEXES = {"M": "M", "F": "F", "W": "F", "MALE": "M", "FEMALE": "F", "O": "O"}


def existing_folder(folder: Path, *, layout: str) -> Path:
    """Return ``folder``, or say which layout was expected.

    Raises:
        FileNotFoundError: If it is no folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {layout}")
    return folder


def only_file(folder: Path, pattern: str, *, layout: str) -> Path:
    """Return the one file of a folder whose name has a pattern, such as ``train*.csv``.

    Raises:
        FileNotFoundError: If there is no such folder, or none or several such files in it.
    """
    found = sorted(existing_folder(folder, layout=layout).glob(pattern))
    if len(found) != 1:
        came = ", ".join(path.name for path in found) or "none"
        raise FileNotFoundError(f"{folder}: one {pattern} expected, got {came}; expected {layout}")
    return found[0]


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


def check_files(
    paths: Mapping[int, Path], *, table: Path, layout: str, what: str = "images"
) -> None:
    """Count the files that a table names and that are missing.

    Args:
        paths: The files by their row in the table, from 0.
        table: Named in the error.
        layout: What the error says was expected.
        what: What the files are.

    Raises:
        FileNotFoundError: If any of them does not exist.
    """
    missing = [row for row, path in paths.items() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{table}: {len(missing)} of {len(paths)} {what} are missing, "
            f"the first in row {missing[0]}; expected {layout}"
        )


def read_table(
    path: Path,
    *,
    columns: Iterable[str] = (),
    optional: Iterable[str] = (),
    layout: str,
    delimiter: str = ",",
) -> list[dict[str, str]]:
    """Read a CSV file with a header, packed by gzip or not, without surrounding blanks.

    Args:
        path: The file.
        columns: Columns that it must have.
        optional: Columns that are empty where it has none.
        layout: What the error says was expected.
        delimiter: What stands between two values.

    Returns:
        The rows, with the columns that were asked for, or with all when none was.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is not UTF-8 text, or a column is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected {layout}")
    wanted = [*columns, *optional]
    try:
        with _open_text(path) as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            rows = [
                {name: (row.get(name) or "").strip() for name in wanted or names} for row in reader
            ]
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError):
        raise InputError(f"{path}: no readable table in UTF-8") from None
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; it has {', '.join(names)}")
    return rows


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")


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


def parse_findings(text: str) -> list[str]:
    """Return the findings in a printed list, such as ``['pneumonia', 'effusion']``."""
    return [name.strip() for name in re.split(r"[\[\]',\t]+", text) if name.strip()]
