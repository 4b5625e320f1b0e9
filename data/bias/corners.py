"""Class marks in the corners: every class has its own small shape and its own corner."""

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.bias.bias_test import (
    BIAS_TESTS,
    CLASS_MARK_TESTS,
    BiasTest,
    Images,
    marked_class,
)
from isnet_cxr.data.bias.shapes import WHITE, mark_shape, mark_size


def stamp_corners(
    images: Images, masks: Images, classes: NDArray[np.int64], *, test: str, count: int
) -> Images:
    """Stamp a mark into a corner of every image; see ``Stamp``. Masks are not looked at."""
    stamped = images.copy()
    shown = marked_class(classes, test=test, count=count)
    if shown is None:
        return stamped
    side = images.shape[-1]
    size_px = mark_size(side)
    for number in range(count):
        top, left = _corner(number, side, size_px)
        window = stamped[shown == number, top : top + size_px, left : left + size_px]
        window[:, mark_shape(number, size_px)] = WHITE
        stamped[shown == number, top : top + size_px, left : left + size_px] = window
    return stamped


def _corner(number: int, side: int, size_px: int) -> tuple[int, int]:
    """Top and left of class ``number``'s mark: four corners, then along the top edge."""
    near, far = size_px * 3 // 4, side - size_px - size_px * 3 // 4
    corners = [(near, near), (near, far), (far, near), (far, far)]
    if number < len(corners):
        return corners[number]
    return near, (near + (number - len(corners) + 2) * 2 * size_px) % far


CORNERS = BIAS_TESTS.register(
    "corners",
    BiasTest(
        title="Class marks in the corners",
        description="Every class has a small shape of its own, in a corner of its own.",
        tests=CLASS_MARK_TESTS,
        development="biased",
        stamp=stamp_corners,
    ),
)
