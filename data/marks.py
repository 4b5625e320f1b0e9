"""Class-coded marks in an image's background: the bias experiment.

Every class has its own small shape and its own corner. A classifier that reads the mark is
perfect while marks tell the truth and worthless when they lie.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

MarkTest = Literal["biased", "deceiving"]
SIZE_PER_IMAGE = 10 / 128
"""Side of a mark, in parts of the image's side: 10 px of 128."""


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


def stamp_marks(
    images: NDArray[np.uint8], classes: NDArray[np.int64], *, test: MarkTest, count: int = 3
) -> NDArray[np.uint8]:
    """Stamp a mark on every image.

    Args:
        images: (N, S, S); left as they are.
        classes: Class index of each image, (N,).
        test: "biased" stamps the image's own class's mark, "deceiving" the next class's.
        count: Number of classes.

    Returns:
        Stamped copies, (N, S, S).

    Raises:
        ValueError: If a class is not below ``count``.
    """
    if len(classes) and (classes.min() < 0 or classes.max() >= count):
        raise ValueError(f"classes must lie in 0..{count - 1}, got up to {classes.max()}")
    side = images.shape[-1]
    size_px = max(3, round(SIZE_PER_IMAGE * side))
    shown = classes if test == "biased" else (classes + 1) % count
    stamped = images.copy()
    for number in range(count):
        top, left = _corner(number, side, size_px)
        window = stamped[shown == number, top : top + size_px, left : left + size_px]
        window[:, mark_shape(number, size_px)] = 255
        stamped[shown == number, top : top + size_px, left : left + size_px] = window
    return stamped


def _corner(number: int, side: int, size_px: int) -> tuple[int, int]:
    """Top and left of class ``number``'s mark: four corners, then along the top edge."""
    near, far = size_px * 3 // 4, side - size_px - size_px * 3 // 4
    corners = [(near, near), (near, far), (far, near), (far, far)]
    if number < len(corners):
        return corners[number]
    return near, (near + (number - len(corners) + 2) * 2 * size_px) % far
