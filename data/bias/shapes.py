"""The small shapes that stand for classes."""

import numpy as np
from numpy.typing import NDArray

SIZE_PER_IMAGE = 10 / 128
"""Side of a mark, in parts of the image's side: 10 px of 128."""

WHITE = 255
SMALLEST_PX = 3


def mark_size(side_px: int) -> int:
    """Return the side of a mark on an image of ``side_px``, both in pixels."""
    return max(SMALLEST_PX, round(SIZE_PER_IMAGE * side_px))


def mark_shape(number: int, size_px: int) -> NDArray[np.bool_]:
    """Return class ``number``'s mark, (size, size): a square, disc, cross, ring, bars, ..."""
    rows, columns = np.mgrid[:size_px, :size_px] - (size_px - 1) / 2
    radius, third = size_px / 2, size_px / 6
    distance = np.hypot(rows, columns)
    shapes = [
        np.ones((size_px, size_px), bool),
        distance <= radius,
        (abs(rows) <= third) | (abs(columns) <= third),
        (distance <= radius) & (distance >= radius / 2),
        abs(rows) >= third,
        abs(columns) >= third,
    ]
    return np.asarray(shapes[number % len(shapes)])
