"""Look-up tables of DICOM: modality LUT, VOI LUT and palettes (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5).

Descriptors are written by people who confuse signed with unsigned, and bytes with words; what the
table itself holds, and the values that are looked up, decide.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

WORD = 2**16


class LookupTable(NamedTuple):
    """Entries, (N,), never empty, and the two values that ``first`` may mean."""

    entries: NDArray[np.int32]
    first: int


def read_table(dataset: Dataset, item: Dataset, *, prefix: str = "LUT") -> LookupTable | None:
    """Read a table, or return None when it is empty or absent.

    Args:
        dataset: The image's header, for its byte order.
        item: What holds the table: an item of a LUT sequence, or ``dataset`` for a palette.
        prefix: What the attributes' names begin with.
    """
    descriptor, data = item.get(f"{prefix}Descriptor"), item.get(f"{prefix}Data")
    if data is None or np.size(descriptor) != 3:  # noqa: PLR2004 - length, first, bits
        return None
    length, first, _ = (int(number) for number in descriptor)
    entries = _entries(dataset, data, length % WORD or WORD)
    return LookupTable(entries, first) if len(entries) else None


def look_up(table: LookupTable, values: NDArray[Any], *, signed: bool = False) -> NDArray[np.int32]:
    """Map values by a table; those beyond its ends take its first or last entry.

    Args:
        table: The table.
        values: Any numbers, (H, W).
        signed: Whether the values may be negative, which decides where nothing else does.
    """
    last = len(table.entries) - 1
    first = _first(table, values, signed=signed)
    # Clipped first: a number beyond the integers' range has no place in the table.
    index = np.clip(np.rint(values), first, first + last).astype(np.int64) - first
    return np.asarray(table.entries[index])


def _first(table: LookupTable, values: NDArray[Any], *, signed: bool) -> int:
    """Return the value that the first entry is for, signed or not: whichever meets more values."""
    as_unsigned = table.first % WORD
    as_signed = as_unsigned - WORD if as_unsigned >= WORD // 2 else as_unsigned
    if as_signed == as_unsigned:
        return as_signed
    length = len(table.entries)
    met = [int(((values >= n) & (values < n + length)).sum()) for n in (as_signed, as_unsigned)]
    if met[0] == met[1]:
        return as_signed if signed or values.min() < 0 else as_unsigned
    return as_signed if met[0] > met[1] else as_unsigned


def _entries(dataset: Dataset, data: Any, length: int) -> NDArray[np.int32]:
    if isinstance(data, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        words = np.frombuffer(data[: len(data) // 2 * 2], dtype=f"{order}u2")
        whole = data if len(data) % 2 else words.astype("<u2").tobytes()
    else:
        words = (np.atleast_1d(np.asarray(data, dtype=np.int64)) % WORD).astype("<u2")
        whole = words.tobytes()
    if len(whole) in (length, length + 1):  # 8-bit entries, packed, perhaps with one more to pad
        return np.frombuffer(whole, dtype=np.uint8)[:length].astype(np.int32)
    return words[:length].astype(np.int32)
