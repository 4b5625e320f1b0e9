"""What a request holds: images as files of any format that is read, or as arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers import Radiograph, UnreadableImage, read_image
from isnet_cxr.data.readers.radiograph import MAX_PIXELS

IMAGE, PIXELS = "image", "pixels"
"""Columns of a request: a file's bytes (base64 in JSON), or rows of numbers from 0 to 1."""

EXPLAINED, PICTURES, REFUSE = "explained", "pictures", "refuse"
"""Parameters of a request."""

MOST_IMAGES = 16
"""So many images of one request are answered."""


def read_rows(rows: Sequence[Mapping[str, Any]]) -> list[Radiograph]:
    """Read the images of a request.

    Args:
        rows: Each with ``image`` or ``pixels``; the other one may be missing or None.

    Raises:
        InputError: If there are none or too many, or one cannot be read; says which, from 0.
    """
    if not 1 <= len(rows) <= MOST_IMAGES:
        raise InputError(f"expected 1 to {MOST_IMAGES} images in a request, got {len(rows)}")
    images = []
    for number, row in enumerate(rows):
        try:
            images.append(_read(row))
        except UnreadableImage as error:
            raise InputError(f"image {number}: {error.reason}") from None
        except InputError as error:
            raise InputError(f"image {number}: {error}") from None
    return images


def _read(row: Mapping[str, Any]) -> Radiograph:
    content, pixels = row.get(IMAGE), row.get(PIXELS)
    is_file = isinstance(content, bytes | bytearray)
    is_array = isinstance(pixels, list | tuple | np.ndarray)
    if is_file == is_array:
        raise InputError(f"expected either {IMAGE!r}, a file's bytes, or {PIXELS!r}, its rows")
    return _read_file(bytes(content)) if is_file else _read_array(pixels)  # type: ignore[arg-type]


def _read_file(content: bytes) -> Radiograph:
    """Read a file by its content; its name says nothing and is in no message."""
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        path = Path(folder) / "image"
        path.write_bytes(content)
        return read_image(path)


def _read_array(rows: Any) -> Radiograph:
    try:
        pixels = np.stack([np.asarray(row, dtype=np.float32) for row in rows])
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{PIXELS!r}: expected rows of equally many numbers") from None
    if pixels.ndim != 2 or not 0 < pixels.size <= MAX_PIXELS:  # noqa: PLR2004 - rows, columns
        raise InputError(f"{PIXELS!r}: expected rows and columns, got an array {pixels.shape}")
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise InputError(f"{PIXELS!r}: expected numbers from 0 (air) to 1 (bone)")
    return Radiograph(pixels[np.newaxis])
