"""An image at low resolution, twice: all of it, and its lungs with what surrounds them.

All of it says whether this is a chest the right way up; the crop around the lungs does not depend
on how a hospital frames, pads or squashes its images. Both are brought to mean 0
and standard deviation 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isnet_cxr.data.learning.preprocess import WHITE, resize

SIDE = 20  # px of both crops
MARGIN = 0.25  # of the lungs' box, on every side
FINE = 4  # the box is sampled so many times finer and then averaged
BLACK = 3  # of 255: rows and columns that are nowhere brighter are padding
LEAST_CONTENT_PX = 8
LEAST_SPREAD = 1e-3

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Crops:
    """An image as the gate sees it.

    Attributes:
        whole: All of it but black borders, (SIDE, SIDE), mean 0 and standard deviation 1.
        lungs: The crop around the lungs, the same; None where no lungs are known.
        outline: Share of lung in every pixel of that crop, (SIDE, SIDE) in [0, 1].
    """

    whole: Plane
    lungs: Plane | None
    outline: Plane | None


@dataclass(frozen=True)
class Box:
    """A rectangle in px, which may reach beyond the image."""

    top: float
    left: float
    bottom: float
    right: float

    def grown(self, top: float, left: float, bottom: float, right: float) -> "Box":
        """Move every side outwards by so many parts of the box's own height or width."""
        height, width = self.bottom - self.top, self.right - self.left
        return Box(
            self.top - top * height,
            self.left - left * width,
            self.bottom + bottom * height,
            self.right + right * width,
        )


def crop(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    *,
    shift: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> Crops:
    """Return both crops of a prepared image.

    Args:
        image: As a network sees it, (S, S).
        mask: 1 in the lungs, (S, S); all 0 where none are known.
        shift: By how much both boxes are moved outwards at top, left, bottom and right, in parts
            of the box: hospitals frame differently.
    """
    whole = standardised(_sample(image, content_box(image).grown(*shift)))
    lungs = bounding_box(mask != 0)
    if lungs is None:
        return Crops(whole, None, None)
    box = lungs.grown(*(MARGIN + one for one in shift))
    outline = _sample((mask != 0).astype(np.uint8) * np.uint8(WHITE), box)
    return Crops(whole, standardised(_sample(image, box)), outline)


def content_box(image: NDArray[np.uint8]) -> Box:
    """Return the box of what is not black padding; the whole image where hardly anything is."""
    box = bounding_box(image > BLACK)
    height, width = image.shape
    if box is None or min(box.bottom - box.top, box.right - box.left) < LEAST_CONTENT_PX:
        return Box(0, 0, height, width)
    return box


def bounding_box(inside: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around what is true in (H, W), None around nothing."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def standardised(plane: Plane) -> Plane:
    """Bring (..., H, W) to mean 0 and standard deviation 1; a constant plane is all 0."""
    centred = plane - plane.mean(axis=(-2, -1), keepdims=True)
    spread = centred.std(axis=(-2, -1), keepdims=True)
    return np.asarray(centred / np.maximum(spread, LEAST_SPREAD), dtype=np.float32)


def _sample(image: NDArray[np.uint8], box: Box) -> Plane:
    """Stretch what lies in the box to (SIDE, SIDE) in [0, 1]; beyond the image is black."""
    extent = (box.left, box.top, box.right, box.bottom)
    fine = Image.fromarray(image.astype(np.float32) / np.float32(WHITE)).transform(
        (SIDE * FINE, SIDE * FINE), Image.Transform.EXTENT, extent, Image.Resampling.BILINEAR
    )
    return resize(np.asarray(fine), height=SIDE, width=SIDE)
