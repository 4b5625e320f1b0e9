"""Tables as people store them: which encoding, which separator, and what stands on which line.

Read are UTF-8 with or without a byte order mark, Excel's UTF-16, and Latin-1 (its Windows kind,
cp1252), line by line where a file holds both it and UTF-8; commas, semicolons, tabs and bars; gzip.
Whatever would shift or lose a value is refused. No error holds a value of a row.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from isnet_cxr.data.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
WORKBOOK = b"PK\x03\x04"
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
LINE_END = re.compile(r"\r\n|\r|\n")
DOS_END = "\x1a"
END = "\x04"
"""A last line of our own, which no table can have: a quote that is never closed swallows it."""
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|$)')
"""What Excel writes above a header."""


@dataclass(frozen=True)
class TextTable:
    """A header and what stands under it.

    Attributes:
        names: Of the columns, in order; a column without a name has an empty one.
        rows: The line that each row begins on, from 1, and its values without blanks around them;
            empty rows are left out. Read as they are asked for, once.
    """

    names: list[str]
    rows: Iterator[tuple[int, list[str]]]


def open_text_table(path: Path, *, columns: Sequence[str], separator: str) -> TextTable:
    """Read a table's header, and its rows as they are asked for.

    Args:
        path: The file; packed by gzip if it ends in ``.gz``.
        columns: Names that tell which separator it has; without any, the one that gives the most
            columns does.
        separator: The one that is expected, which others must outdo.

    Raises:
        InputError: If it is no text or, once the rows are asked for, a quote is never closed. Names
            file and line.
    """
    text = read_text(path)
    stated = SEPARATOR_LINE.match(text)
    if stated:
        separator, text = stated[1], text[stated.end() :]
    else:
        separator = _find_separator(text, columns, separator)
    records = _records(text, separator, path, first=2 if stated else 1)
    _, names = next(records, (0, []))
    return TextTable(names, records)


def read_text(path: Path) -> str:
    """Read a text file in any of the encodings that tables come in, packed by gzip or not.

    Raises:
        InputError: If it is no text; names the line and its first byte that is none.
    """
    return _decode(_unpack(path), path)


def check_width(values: Sequence[str], width: int, *, path: Path, line: int) -> None:
    """Make sure that a row has no value behind its first ``width``.

    Raises:
        InputError: If it has. A name or label with the separator in it, not in quotes, does that.
    """
    if any(values[width:]):
        came = max(n for n, value in enumerate(values, start=1) if value)
        raise InputError(
            f"{path}: line {line}: expected {width} values, got {came}; "
            "a value that holds the separator has to be in quotes"
        )


def _unpack(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{path}: no readable table: damaged, or not packed by gzip") from None


def _decode(content: bytes, path: Path) -> str:
    if content.startswith(WORKBOOK):
        raise InputError(f"{path}: expected a CSV table, got an Excel workbook or another archive")
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            before = error.object[: error.start].decode(encoding, "ignore")
            line = 1 + len(LINE_END.findall(before))
            raise _no_text(path, line, error.object[error.start]) from None
        lines = content.splitlines(keepends=True)
        text = "".join(_decode_line(line, n, path) for n, line in enumerate(lines, start=1))
    text = text.removesuffix(DOS_END)
    wrong = NO_TEXT.search(text)
    if wrong:
        line = 1 + len(LINE_END.findall(text, 0, wrong.start()))
        raise _no_text(path, line, ord(wrong[0]))
    return text


def _decode_line(line: bytes, number: int, path: Path) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError as error:
        raise _no_text(path, number, line[error.start]) from None


def _no_text(path: Path, line: int, byte: int) -> InputError:
    return InputError(
        f"{path}: no readable table: line {line} has byte 0x{byte:02X}, "
        "which is no text in UTF-8 or Latin-1"
    )


def _find_separator(text: str, columns: Sequence[str], expected: str) -> str:
    """Return the separator whose header has most of the columns; the expected one in doubt."""

    def fits(separator: str) -> int:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            header = [name.strip() for name in next((record for record in reader if record), [])]
        except csv.Error:
            return 0
        return sum(name in header for name in columns) if columns else len(header)

    return max([expected, *SEPARATORS], key=fits)


def _records(
    text: str, separator: str, path: Path, *, first: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not empty, with the line that it begins on."""
    reader = csv.reader(chain(io.StringIO(text, newline=""), [END]), delimiter=separator)
    line = first
    try:
        for record in reader:
            if record == [END]:
                return
            if END in "".join(record[-1:]):
                raise InputError(f"{path}: line {line}: a quote is opened and never closed")
            values = [value.strip() for value in record]
            if any(values):
                yield line, values
            line = first + reader.line_num
    except csv.Error as error:
        raise InputError(f"{path}: line {line}: no readable table: {error}") from None
