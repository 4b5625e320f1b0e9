"""Masks as PNG of one bit a pixel, white where the mask is: an eighth of the bytes to compress.

Written here and not by Pillow, which packs bits one by one: that alone would take a tenth of the
time that a small classifier does.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers.atomic import replacing

AXES = 2
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ONE_BIT_GREY = (1, 0, 0, 0, 0)
"""Bits, kind of colour, and the methods of compression, filters and interlacing."""
FAST = 1


def write_mask(mask: NDArray[Any], path: Path) -> None:
    """Write a mask (H, W) as a PNG of black and white: white where it is not 0.

    Args:
        mask: Of any type.
        path: Where to; its folder is made if missing.

    Raises:
        InputError: If ``mask`` is not (H, W), or empty.
    """
    if mask.ndim != AXES or not mask.size:
        raise InputError(f"mask must be (H, W), got {mask.shape}")
    with replacing(path) as temporary:
        temporary.write_bytes(_as_png(mask))


def _as_png(mask: NDArray[Any]) -> bytes:
    height, width = mask.shape
    packed = np.packbits(mask != 0, axis=1)
    lines = np.zeros((height, 1 + packed.shape[1]), np.uint8)  # each begins with its filter, none
    lines[:, 1:] = packed
    header = struct.pack(">II5B", width, height, *ONE_BIT_GREY)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.data, FAST)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
