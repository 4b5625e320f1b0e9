"""The manifest: one table, one row per image, that every step reads and writes.

Kept as CSV or Parquet, by suffix. Paths are stored relative to the manifest's folder when they lie
under it, so that the folder can move; they are absolute once read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from isnet_cxr.data.datasets.layout import read_table
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.boxes import EXPECTED, are_boxes
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.writers.atomic import replacing

SUFFIXES = (".csv", ".parquet")
PATH_COLUMNS = ("path", "lung_mask")
PRIVATE_COLUMNS = ("patient_id", *PATH_COLUMNS)
"""Columns whose values never stand in an error message."""


@dataclass(frozen=True)
class Column:
    """One column: its type, what it holds when unknown (None: must be given), and its rule."""

    kind: type[str] | type[int] | type[float]
    default: Any = None
    rule: pa.Check | None = None


def _one_of(*values: str) -> pa.Check:
    return pa.Check.isin(values, error=f"one of {', '.join(values[:-1])} or empty")


_POSITIVE = pa.Check.gt(0, error="above 0")
_NAMED = pa.Check.str_length(min_value=1, error="not empty")

COLUMNS: dict[str, Column] = {
    "image_id": Column(str, None, pa.Check.str_matches(r"^[0-9a-f]{16}$", error="16 hex digits")),
    "path": Column(str, None, _NAMED),
    "dataset": Column(str, None, _NAMED),
    "site": Column(str, ""),
    "patient_id": Column(
        str, None, pa.Check.str_matches(r"^.+/[0-9a-f]{12}$", error="<dataset>/<12 hex digits>")
    ),
    "label": Column(str, ""),
    "view": Column(str, "", _one_of("PA", "AP", "AP supine", "lateral", "")),
    "age": Column(float, float("nan"), pa.Check.in_range(0, 130, error="0 to 130 years")),
    "sex": Column(str, "", _one_of("M", "F", "O", "")),
    "height_px": Column(int, None, _POSITIVE),
    "width_px": Column(int, None, _POSITIVE),
    "spacing_row_mm": Column(float, float("nan"), _POSITIVE),
    "spacing_col_mm": Column(float, float("nan"), _POSITIVE),
    "split": Column(str, "", _one_of("train", "val", "test", "")),
    "lung_mask": Column(str, ""),
    "mask_source": Column(str, "", _one_of("reference", "predicted", "")),
    "mask_quality": Column(str, "", _one_of("good", "doubtful", "failed", "")),
    "reading": Column(str, ""),
    "review_flag": Column(str, ""),
    "boxes": Column(str, "", pa.Check(are_boxes, error=EXPECTED)),
}

_SCHEMA = pa.DataFrameSchema(
    {
        name: pa.Column(column.kind, column.rule, nullable=column.kind is float)
        for name, column in COLUMNS.items()
    }
)


def validate(frame: pd.DataFrame, *, source: str = "manifest") -> pd.DataFrame:
    """Check a manifest, fill the columns that may be unknown, and put all columns in order.

    Args:
        frame: One row per image. Missing optional columns are filled with their defaults.
        source: What the error names: a file, usually.

    Returns:
        A new frame with exactly the columns ``COLUMNS`` and the index 0, 1, ...

    Raises:
        InputError: Names the source, the column, the row and what was expected; never a patient.
    """
    unknown = [str(name) for name in frame.columns if name not in COLUMNS]
    if unknown:
        raise InputError(f"{source}: {name_unknown('column', unknown, COLUMNS)}")
    missing = [n for n, column in COLUMNS.items() if column.default is None and n not in frame]
    if missing:
        raise InputError(f"{source}: no column {', '.join(missing)}")
    filled = pd.DataFrame(
        {name: _typed(frame, name, column, source) for name, column in COLUMNS.items()}
    )
    filled = filled.reset_index(drop=True)
    try:
        _SCHEMA.validate(filled, lazy=True)
    except pa.errors.SchemaErrors as errors:
        raise InputError(_first_failure(source, errors.failure_cases)) from None
    return filled


def read_manifest(path: Path) -> pd.DataFrame:
    """Read and check a manifest; relative paths become absolute, from the manifest's folder.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is neither CSV nor Parquet, or ``validate`` refuses it.
    """
    _check_suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such manifest")
    try:
        frame = _read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except InputError:
        raise
    except (ValueError, OSError) as error:  # pandas' and pyarrow's errors derive from these
        raise InputError(f"{path}: no readable table ({type(error).__name__})") from None
    manifest = validate(frame, source=str(path))
    folder = path.resolve().parent
    for column in PATH_COLUMNS:
        manifest[column] = [_absolute(name, folder) if name else "" for name in manifest[column]]
    return manifest


def write_manifest(frame: pd.DataFrame, path: Path) -> None:
    """Check and write a manifest, whole or not at all.

    Raises:
        InputError: If the suffix is neither .csv nor .parquet, or ``validate`` refuses the frame.
    """
    _check_suffix(path)
    manifest = validate(frame, source=str(path))
    prefixes = [f"{base}/" for base in {path.resolve().parent, path.absolute().parent}]
    for column in PATH_COLUMNS:
        manifest[column] = [_relative(name, prefixes) if name else "" for name in manifest[column]]
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            manifest.to_csv(temporary, index=False)
        else:
            manifest.to_parquet(temporary, index=False)


def concatenate(*frames: pd.DataFrame) -> pd.DataFrame:
    """Put manifests under each other, in order.

    Raises:
        InputError: If there is none, or ``validate`` refuses one.
    """
    if not frames:
        raise InputError("no manifest to concatenate")
    return validate(pd.concat([validate(frame) for frame in frames], ignore_index=True))


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table as we write it, fast; as another program saved it, or damaged, line by line."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError:  # pandas' errors derive from it
        frame = pd.DataFrame()
    shifted = not isinstance(frame.index, pd.RangeIndex)  # a value more than there are columns
    if len(frame.columns) > 1 and not shifted:
        return frame
    return pd.DataFrame(read_table(path, known=COLUMNS, layout="a manifest"))


def _typed(frame: pd.DataFrame, name: str, column: Column, source: str) -> "pd.Series[Any]":
    if name not in frame:
        return pd.Series([column.default] * len(frame), index=frame.index, dtype=column.kind)
    values = frame[name]
    if column.kind is str:
        return values.astype(object).where(values.notna(), "").astype(str)
    numbers = pd.to_numeric(values.replace("", float("nan")), errors="coerce")
    wrong = numbers.isna() & values.notna() & (values.astype(str) != "")
    wrong |= numbers.isna() if column.kind is int else wrong
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(f"{source}: column {name}, row {row}: expected a number")
    return numbers.astype(column.kind)


def _first_failure(source: str, failures: pd.DataFrame) -> str:
    failure = failures.iloc[0]
    name, row = failure["column"], failure["index"]
    came = "" if name in PRIVATE_COLUMNS else f", got {str(failure['failure_case'])!r}"
    others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{source}: column {name}, row {row}: expected {failure['check']}{came}{others}"


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a manifest ends in {' or '.join(SUFFIXES)}")


def _absolute(name: str, folder: Path) -> str:
    return name if _is_plain(name) else str(folder / name)


def _relative(name: str, prefixes: list[str]) -> str:
    path = name if _is_plain(name) else str(Path(name).absolute())
    for prefix in prefixes:
        if path.startswith(prefix):
            return path[len(prefix) :]
    return path


def _is_plain(name: str) -> bool:
    """Claim that a path is absolute and as ``pathlib`` writes it, which is slow for a million."""
    return name.startswith("/") and "//" not in name and "/." not in name and name[-1] != "/"
