"""A mask cleaned at the network's resolution, brought to the size of its image.

What the network says between two of its pixels is interpolated, so that the outline is as smooth
as the probabilities are; which regions are lungs, and what is a hole, was decided before. Only the
box around the lungs is interpolated: the rest of a large image is background.
"""

import math

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.learning.preprocess import enlarge_part

REACH_PX = 2
"""How far beyond the mask, in the network's pixels, interpolation may still find lung."""


def restore_lungs(
    probabilities: NDArray[np.float32],
    cleaned: NDArray[np.uint8],
    *,
    threshold: float,
    height: int,
    width: int,
) -> NDArray[np.uint8]:
    """Return the lungs at the image's size, uint8 (H, W).

    Args:
        probabilities: Of lung at the network's resolution, (h, w), without padding.
        cleaned: Which of these are lung, as ``clean_mask`` left them, (h, w).
        threshold: Probability from which a pixel is lung.
        height: Of the image, in px.
        width: Of the image, in px.
    """
    mask = np.zeros((height, width), np.uint8)
    rows = _reached(np.flatnonzero(cleaned.any(axis=1)), cleaned.shape[0], height)
    columns = _reached(np.flatnonzero(cleaned.any(axis=0)), cleaned.shape[1], width)
    if rows.start == rows.stop:
        return mask
    left, right = _in_network(columns, width, cleaned.shape[1])
    top, bottom = _in_network(rows, height, cleaned.shape[0])
    part = mask[rows, columns]
    restored = enlarge_part(
        _without_others(probabilities, cleaned, threshold), (left, top, right, bottom),
        height=part.shape[0], width=part.shape[1],
    )  # fmt: skip
    np.greater_equal(restored, threshold, out=part.view(np.bool_))
    return mask


def _without_others(
    probabilities: NDArray[np.float32], cleaned: NDArray[np.uint8], threshold: float
) -> NDArray[np.float32]:
    """Return probabilities that say of every pixel what cleaning decided."""
    lung = probabilities >= threshold
    is_wrong = lung != (cleaned != 0)
    return np.where(is_wrong, cleaned.astype(np.float32), probabilities)


def _reached(found: NDArray[np.intp], count: int, length: int) -> slice:
    """Return which of ``length`` rows or columns those ``found`` among ``count`` may reach."""
    if not len(found):
        return slice(0, 0)
    first, last = max(0, found[0] - REACH_PX), min(count, found[-1] + 1 + REACH_PX)
    return slice(math.floor(first * length / count), math.ceil(last * length / count))


def _in_network(part: slice, length: int, count: int) -> tuple[float, float]:
    """Return where a part of ``length`` pixels begins and ends among the network's ``count``."""
    return part.start * count / length, min(part.stop * count / length, float(count))
