"""What came of one input: the unit that the ledger keeps and the tables are written from."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from isnet_cxr.data.readers.origin import Origin

Kind = Literal["predicted", "failed", "refused"]
Cell = str | float | None
DIGITS = 6


@dataclass(frozen=True)
class Entry:
    """What came of one input.

    Attributes:
        key: Tells the file from others, and from itself once it was changed.
        name: What results call it.
        kind: What came of it.
        reason: Why it was not predicted.
        number: Running number of what was predicted, from 1; 0 of other inputs.
        image_id: Hash of the pixels of what was predicted.
        duplicate_of: Number of the first file with these pixels; 0 of the first itself. A
            duplicate has no cells of its own.
        row: Its cells of the table of predictions, by column; None is an empty cell.
        reading: What its reader did.
        origin: What an archive finds it by.
    """

    key: str
    name: str
    kind: Kind
    reason: str = ""
    number: int = 0
    image_id: str = ""
    duplicate_of: int = 0
    row: Mapping[str, Cell] = field(default_factory=dict)
    reading: str = ""
    origin: Origin = field(default_factory=Origin)


def as_plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as values that JSON can hold."""
    return asdict(entry)


def from_plain(values: Mapping[str, Any]) -> Entry:
    """Undo ``as_plain``."""
    return Entry(**{**values, "origin": Origin(**values["origin"])})


def cell(value: str | float) -> Cell:
    """Return a value as tables hold it: numbers of six digits, None for no number."""
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")


def written(value: Cell) -> str:
    """Write a cell as text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.{DIGITS}g}"
