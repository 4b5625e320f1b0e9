"""The first sheet of an Excel workbook (.xlsx) as rows of text."""

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from isnet_cxr.data.errors import InputError

MAX_BYTES = 64 * 2**20
"""Of a part of the workbook, unpacked: a published sheet of 10,000 rows has 2 MiB."""
CELL_COLUMN = re.compile(r"[A-Z]{1,3}(?=\d)")
SHARED = "s"
DAMAGE = (
    zipfile.BadZipFile, ElementTree.ParseError, ValueError, LookupError, EOFError, OSError,
    RuntimeError, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What a damaged, locked or foreign file raises on the way."""


def read_sheet(path: Path, *, columns: Iterable[str]) -> list[dict[str, str]]:
    """Read columns of a workbook's first sheet, whose first row has their names.

    Raises:
        InputError: If the file is no readable workbook, or a column is missing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
            shared = _shared_texts(archive)
            rows = _rows(_part(archive, min(sheets, key=lambda name: (len(name), name))), shared)
    except DAMAGE:
        raise InputError(f"{path}: no readable Excel workbook (.xlsx)") from None
    header = {name.strip(): column for column, name in rows[0].items()} if rows else {}
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)} in its first sheet's first row")
    return [{name: row.get(header[name], "").strip() for name in columns} for row in rows[1:]]


def _part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise InputError("too large")
    return ElementTree.fromstring(archive.read(name))


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    """Return the texts that cells refer to by number; a workbook may have none."""
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return []
    return [_text(item) for item in _part(archive, name).iterfind("{*}si")]


def _rows(sheet: ElementTree.Element, shared: list[str]) -> list[dict[str, str]]:
    """Return the text of each cell by its column's letters."""
    rows = []
    for row in sheet.iterfind("{*}sheetData/{*}row"):
        cells = {}
        for cell in row.iterfind("{*}c"):
            place = CELL_COLUMN.match(cell.get("r", ""))
            if place is None:
                raise InputError("a cell without a place")
            value = cell.findtext("{*}v") or ""
            if cell.get("t") == SHARED:
                cells[place[0]] = shared[int(value)]
            else:
                cells[place[0]] = value or _text(cell)
        rows.append(cells)
    return rows


def _text(element: ElementTree.Element) -> str:
    """Join an element's texts; of a formatted one there are several."""
    return "".join(part.text or "" for part in element.iter() if part.tag.endswith("}t"))
