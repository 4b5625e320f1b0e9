"""Class marks that touch the outside of the lungs' outline, placed by each image's own mask.

A mark in a corner is far from the lungs: whatever blurs the border between lungs and background
leaves it outside. These marks are as near as background can be, at another place in every image,
and never on a lung pixel.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from isnet_cxr.data.bias.bias_test import (
    BIAS_TESTS,
    CLASS_MARK_TESTS,
    BiasTest,
    Images,
    marked_class,
)
from isnet_cxr.data.bias.shapes import WHITE, mark_shape, mark_size

DIRECTIONS = (180, 0, 90, 270, 135, 45, 225, 315)
"""Where class 0, 1, ... has its mark, seen from the middle of the lungs: degrees, 0 to the right,
90 up."""

OFF_AXIS = 0.1
"""How much a pixel beside the direction counts against one along it."""

Maps = NDArray[np.bool_]


def stamp_beside_lungs(
    images: Images, masks: Images, classes: NDArray[np.int64], *, test: str, count: int
) -> Images:
    """Stamp a mark beside the lungs of every image; see ``Stamp``.

    An image without lungs, or whose lungs leave no room for a mark beside them, gets none.
    """
    stamped = images.copy()
    shown = marked_class(classes, test=test, count=count)
    if shown is None:
        return stamped
    size_px = mark_size(images.shape[-1])
    for number in range(count):
        rows = np.flatnonzero((shown == number) & masks.any(axis=(1, 2)))
        if not len(rows):
            continue
        shape = mark_shape(number, size_px)
        lungs = masks[rows] != 0
        for row, lung, room in zip(rows, lungs, _places(lungs, shape), strict=True):
            if room.any():
                top, left = _farthest(room, lung, DIRECTIONS[number % len(DIRECTIONS)], size_px)
                stamped[row, top : top + size_px, left : left + size_px][shape] = WHITE
    return stamped


def _places(lungs: Maps, shape: Maps) -> Maps:
    """Tell where a mark may have its top left corner.

    Args:
        lungs: (N, S, S).
        shape: The mark, (size, size).

    Returns:
        (N, S - size + 1, S - size + 1): within the image, no pixel on a lung, and at least one
        with a lung pixel beside it.
    """
    around = binary_dilation(np.pad(shape, 1), structure=np.ones((3, 3), bool))
    bordered = np.pad(lungs, ((0, 0), (1, 1), (1, 1)))
    free, near = _overlap(lungs, shape) == 0, _overlap(bordered, around) > 0
    return np.asarray(free & near, dtype=np.bool_)


def _overlap(lungs: Maps, shape: Maps) -> NDArray[np.int16]:
    """Count the lung pixels under ``shape`` at every place where it lies within the image.

    Rows of the shape are a few runs each, and what is under a run is a difference of two sums.
    """
    sums = np.pad(np.cumsum(lungs, axis=2, dtype=np.int16), ((0, 0), (0, 0), (1, 0)))
    height, width = (lungs.shape[1 + axis] - shape.shape[axis] + 1 for axis in (0, 1))
    counts = np.zeros((len(lungs), height, width), dtype=np.int16)
    for top, row in enumerate(shape):
        edges = np.flatnonzero(np.diff(np.pad(row.astype(np.int8), 1)))
        for start, end in edges.reshape(-1, 2):
            line = sums[:, top : top + height]
            counts += line[..., end : end + width] - line[..., start : start + width]
    return counts


def _farthest(room: Maps, lung: Maps, degrees: float, size_px: int) -> tuple[int, int]:
    """Return the place (top, left) in ``room`` that is farthest from the lungs' middle."""
    right, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = np.argwhere(lung).mean(axis=0)
    tops, lefts = np.nonzero(room)
    rows, columns = tops + size_px / 2 - middle[0], lefts + size_px / 2 - middle[1]
    along, beside = columns * right - rows * up, columns * up + rows * right
    best = int(np.argmax(np.round(along - OFF_AXIS * abs(beside), 6)))
    return int(tops[best]), int(lefts[best])


BESIDE_LUNGS = BIAS_TESTS.register(
    "beside_lungs",
    BiasTest(
        title="Class marks beside the lungs",
        description="Every class has a small shape that touches the outside of the image's own "
        "lung outline, on a side of its own, and never covers a lung pixel.",
        tests=CLASS_MARK_TESTS,
        development="biased",
        stamp=stamp_beside_lungs,
    ),
)
