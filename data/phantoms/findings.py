"""Boxes around what a phantom's disease changed, as a radiologist would draw them.

One box for each patch: a lobe that is filled, or ground glass that runs together. Where the disease
is, is known here, not guessed: it is the fluid that the image was made with.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from isnet_cxr.data.manifests.boxes import Box, place_boxes
from isnet_cxr.data.phantoms.anatomy import Field

VISIBLE = 0.12
"""Share of the air that fluid has replaced from where on lung looks clouded, were it severe."""
LEAST_MM2 = 200.0
"""Patches of less area are not drawn around."""


def find_patches(fluid: Field, *, spacing_mm: float) -> list[Box]:
    """Return (left, top, right, bottom) of each patch, in pixels.

    Args:
        fluid: Fluid fraction of a disease at full severity, (H, W).
        spacing_mm: Side of a pixel.
    """
    patches, count = label(fluid > VISIBLE)
    sizes = np.bincount(patches.ravel(), minlength=count + 1) * spacing_mm**2
    found = []
    for number, place in enumerate(find_objects(patches), start=1):
        if sizes[number] >= LEAST_MM2:
            rows, columns = place
            found.append(
                (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
            )
    return found


def place_patches(
    patches: list[Box], *, before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> tuple[Box, ...]:
    """Turn boxes in pixels into parts of the finished image, whose border moved the lungs.

    Args:
        patches: As ``find_patches`` returns them.
        before: True in the lungs, as the patches were drawn, (H, W).
        after: The same lungs in the finished image.
    """
    down, across = (_first(after, axis) - _first(before, axis) for axis in (0, 1))
    moved = [
        (left + across, top + down, right + across, bottom + down)
        for left, top, right, bottom in patches
    ]
    height, width = after.shape
    return place_boxes(moved, height=height, width=width) or ()


def _first(mask: NDArray[np.bool_], axis: int) -> int:
    """First row (axis 0) or column of the lungs."""
    return int(np.argmax(mask.any(axis=1 - axis)))
