"""An image's reference lung mask, however its publisher keeps it.

Some publishers have a file for each lung, some a smaller copy of the image for the mask. Here both
become one mask of the image's size.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.readers import UnreadableImage, read_mask

Mask = NDArray[np.uint8]

ASPECT_TOLERANCE = 0.01
"""How far a mask's proportions may be from the image's: the rounding of a small copy."""


class EmptyMask(UnreadableImage):
    """A mask that can be read and shows no lung."""


def read_lung_mask(
    paths: Sequence[Path], *, height: int, width: int, only: int | None = None
) -> tuple[Mask, bool]:
    """Join the masks of an image and bring them to its size.

    Args:
        paths: The mask files, at least one; a pixel is lung if any of them says so.
        height: The image's, in pixels.
        width: The image's, in pixels.
        only: The one grey value that is lung, where the publisher says so.

    Returns:
        uint8 (height, width) of 0 and 1, and whether a single file, read as any mask is, holds it.

    Raises:
        EmptyMask: If no mask has a lung pixel.
        UnreadableImage: If a file cannot be read, has other proportions than the image, or if every
            pixel would be lung.
    """
    joined = np.zeros((height, width), dtype=np.uint8)
    fits = len(paths) == 1
    for path in paths:
        mask = _read(path, only)
        if not _is_copy(mask, height=height, width=width):
            rows, columns = mask.shape
            reason = f"lung mask of {rows} x {columns} px, image of {height} x {width} px"
            raise UnreadableImage(path, reason)
        fits = fits and mask.shape == (height, width) and (only is None or _is_plain(path, mask))
        joined |= _resize(mask, height=height, width=width)
    if not joined.any():
        raise EmptyMask(paths[0], "lung mask is empty")
    if joined.all():
        raise UnreadableImage(paths[0], "lung mask: the whole image would be lung")
    return joined, fits


def _read(path: Path, only: int | None) -> Mask:
    try:
        return read_mask(path, only=only)
    except UnreadableImage as error:
        raise UnreadableImage(path, f"lung mask: {error.reason}") from None


def _is_plain(path: Path, mask: Mask) -> bool:
    """Claim that whoever reads the file, not knowing its publisher, sees the same mask."""
    try:
        return np.array_equal(read_mask(path), mask)
    except UnreadableImage:
        return False


def _is_copy(mask: Mask, *, height: int, width: int) -> bool:
    if mask.shape == (height, width):
        return True
    rows, columns = mask.shape
    return math.isclose(rows * width, columns * height, rel_tol=ASPECT_TOLERANCE)


def _resize(mask: Mask, *, height: int, width: int) -> Mask:
    """Take the nearest pixel, so that a mask stays one."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    return mask[np.ix_(rows, columns)]
