"""Pixel padding: what a detector or a scanner fills around the image (PS3.3 C.7.5.1.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset


def padding_pixels(
    dataset: Dataset, stored: NDArray[Any], used: NDArray[Any]
) -> NDArray[np.bool_] | None:
    """Return True where pixels are padding, (H, W), or None when none is, or all are.

    Args:
        dataset: The image's header.
        stored: All allocated bits of the values, (H, W).
        used: The bits that belong to the value, (H, W): overlays are gone. A padding value that
            does not fit into them is looked for among all.
    """
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = [
        _as_stored(number, stored) for number in (value, limit if isinstance(limit, int) else value)
    ]
    bits = int(dataset.BitsStored)
    lowest = -(2 ** (bits - 1)) if stored.dtype.kind == "i" else 0
    fits = all(lowest <= number < lowest + 2**bits for number in ends)
    compared = used if fits else stored
    padding: NDArray[np.bool_] = (compared >= min(ends)) & (compared <= max(ends))
    return padding if padding.any() and not padding.all() else None


def _as_stored(number: int, stored: NDArray[Any]) -> int:
    """Give a number the sign of the pixels: some writers take the wrong one of US and SS."""
    modulus = int(2 ** (8 * stored.dtype.itemsize))
    if stored.dtype.kind == "u":
        return number % modulus
    return number - modulus if number >= modulus // 2 else number
