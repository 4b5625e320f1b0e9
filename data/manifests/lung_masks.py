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


def read_lung_mask(paths: Sequence[Path], *, height: int, width: int) -> tuple[Mask, bool]:
    """Join the masks of an image and bring them to its size.

    Args:
        paths: The mask files, at least one; a pixel is lung if any of them says so.
        height: The image's, in pixels.
        width: The image's, in pixels.

    Returns:
        uint8 (height, width) of 0 and 1, and whether a single file holds it as it is.

    Raises:
        EmptyMask: If no mask has a lung pixel.
        UnreadableImage: If a file cannot be read, or has other proportions than the image.
    """
    joined = np.zeros((height, width), dtype=np.uint8)
    fits = len(paths) == 1
    for path in paths:
        try:
            mask = read_mask(path)
        except UnreadableImage as error:
            raise UnreadableImage(path, f"lung mask: {error.reason}") from None
        if not _is_copy(mask, height=height, width=width):
            rows, columns = mask.shape
            reason = f"lung mask of {rows} x {columns} px, image of {height} x {width} px"
            raise UnreadableImage(path, reason)
        fits = fits and mask.shape == (height, width)
        joined |= _resize(mask, height=height, width=width)
    if not joined.any():
        raise EmptyMask(paths[0], "lung mask is empty")
    return joined, fits


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
