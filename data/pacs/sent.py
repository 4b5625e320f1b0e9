"""``sent.csv``: which objects of a folder each address has taken. It names no patient."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from isnet_cxr.data.writers.atomic import replacing

SENT, NOT_SENT = "sent.csv", "not-sent.csv"
COLUMNS = ("address", "sop_instance_uid", "sha256")
Row = tuple[str, ...]


def read_sent(path: Path) -> dict[Row, None]:
    """Read what was taken, in order; a line that a full disk cut off is none."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = (tuple(row) for row in csv.reader(stream))
        return {row: None for row in rows if len(row) == len(COLUMNS) and row != COLUMNS}


@contextmanager
def keeping(path: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    """Lend a function that adds a row to the list, on the disk when it returns."""
    begun = path.is_file() and path.stat().st_size > 0
    cut_off = begun and not path.read_bytes().endswith(b"\n")
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)

        def keep(row: Sequence[str]) -> None:
            writer.writerow(row)
            stream.flush()
            os.fsync(stream.fileno())

        if cut_off:
            stream.write("\r\n")
        if not begun:
            keep(COLUMNS)
        yield keep


def add_sent(other: Path, to: Path) -> None:
    """Add what one list has to another, so that what was taken is not sent again."""
    rows = read_sent(to) | read_sent(other)
    with replacing(to) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
