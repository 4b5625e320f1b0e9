"""What all adapters need to walk a publisher's folder, with errors that say what is missing.

No error names a file of a single image: the names often hold the publisher's patient id.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from isnet_cxr.data.datasets.text_table import check_width, open_text_table
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


def is_there(path: Path) -> bool:
    """Claim that there is a file; a name that no file system would take is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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
    missing = [row for row, path in paths.items() if not is_there(path)]
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
    known: Iterable[str] = (),
    layout: str,
    delimiter: str = ",",
) -> list[dict[str, str]]:
    """Read a table with a header, packed by gzip or not, without surrounding blanks.

    Args:
        path: The file.
        columns: Columns that it must have.
        optional: Columns that are empty where it has none.
        known: Columns that tell what separates the values, where it must have none.
        layout: What the error says was expected.
        delimiter: What is expected between two values; another is taken where it fits better.

    Returns:
        The rows, with the columns that were asked for, or with all that have a name.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is no table (see ``text_table``), a column is missing or stands there
            twice, or a row ends before a column that it must have.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected {layout}")
    needed = list(columns)
    wanted = [*needed, *optional]
    table = open_text_table(path, columns=wanted or list(known), separator=delimiter)
    _check_columns(path, table.names, needed)
    _check_single(path, table.names, wanted or table.names)
    places = {name: n for n, name in enumerate(table.names) if name in (wanted or table.names)}
    places.pop("", None)  # a column without a name: publishers have some at the end
    last = max((places[name] for name in needed or places), default=-1)
    width = len(table.names) if wanted else last + 1
    rows = []
    for line, values in table.rows:
        check_width(values, width, path=path, line=line)
        if len(values) <= last:
            raise InputError(
                f"{path}: line {line}: expected {len(table.names)} values, got {len(values)}"
            )
        found = {name: values[n] for name, n in places.items() if n < len(values)}
        rows.append({name: found.get(name, "") for name in wanted or places})
    return rows


def _check_columns(path: Path, names: list[str], needed: list[str]) -> None:
    missing = [name for name in needed if name not in names]
    if missing and len(missing) == len(needed):  # without a header, the names may be a patient's
        raise InputError(f"{path}: no column {', '.join(missing)}; expected them in its first line")
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; it has {', '.join(names)}")


def _check_single(path: Path, names: list[str], wanted: list[str]) -> None:
    """Refuse two columns of one name, unless nobody asks for them."""
    twice = [name for name in wanted if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: expected columns of different names, got {twice[0]!r} twice")


def parse_age(text: str) -> float:
    """Return years from ``57``, ``57.0``, ``57,0`` or ``057Y``; NaN when unknown or impossible."""
    try:
        age = float(text.rstrip("Yy").replace(",", "."))
    except ValueError:
        return math.nan
    return age if 0 <= age <= OLDEST_YEARS else math.nan


def parse_sex(text: str) -> str:
    """Return M, F, O or empty."""
    return SEXES.get(text.upper(), "")


def parse_findings(text: str) -> list[str]:
    """Return the findings in a printed list, such as ``['pneumonia', 'effusion']``."""
    return [name.strip() for name in re.split(r"[\[\]',\t]+", text) if name.strip()]
