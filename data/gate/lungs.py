"""Whether a lung mask is that of a frontal chest: two lungs, of some size, with something between.

A diseased lung may be hidden, so that one lung alone is no reason to doubt; one lung in the middle
of the image is, as lateral views and cut images have it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from isnet_cxr.data.gate.crops import bounding_box, content_box
from isnet_cxr.data.gate.verdict import DOUBTFUL, REFUSED, Finding

NO_LUNGS, SMALL_LUNGS = 0.01, 0.04  # of the image without its black borders
ONE_LUNG = 0.1  # area of the smaller lung over that of the larger; below it there is one
MIDDLE = 0.13  # of the image's width: a single lung so near its middle is doubtful
HALF = 0.5  # of the image's width: and one that is wider than this
LEAST_BETWEEN = 0.05  # of the lungs' area


@dataclass(frozen=True)
class LungShape:
    """What is measured of a mask.

    Attributes:
        area: Share of the image without its black borders.
        balance: Area of the second lung over that of the first; 0 with one lung.
        off_middle: Distance of the mask's centre from the image's middle, in widths.
        width: From the mask's first to its last column, over the image's width.
        between: Area between the first and the last lung pixel of each row, over the lungs' own.
    """

    area: float
    balance: float
    off_middle: float
    width: float
    between: float


def measure_lungs(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> LungShape:
    """Measure the mask of a prepared image, both (S, S)."""
    box, inside = content_box(image), mask != 0
    content = (box.bottom - box.top) * (box.right - box.left)
    lungs = bounding_box(inside)
    if lungs is None:
        return LungShape(0.0, 0.0, 0.0, 0.0, 0.0)
    areas = np.sort(np.bincount(label(inside)[0].ravel())[1:])[::-1]
    centre = float(np.nonzero(inside)[1].mean())
    middle = (box.left + box.right - 1) / 2
    passed = np.cumsum(inside, axis=1)
    between = (passed > 0) & (passed < passed[:, -1:]) & ~inside
    return LungShape(
        area=float(inside.sum() / content),
        balance=float(areas[1] / areas[0]) if len(areas) > 1 else 0.0,
        off_middle=abs(centre - middle) / (box.right - box.left),
        width=(lungs.right - lungs.left) / (box.right - box.left),
        between=float(between.sum() / inside.sum()),
    )


def judge_lungs(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> list[Finding]:
    """List what speaks against the mask of a prepared image, both (S, S)."""
    lungs = measure_lungs(image, mask)
    if lungs.area < NO_LUNGS:
        return [Finding(REFUSED, "no lungs to speak of")]
    found = []
    if lungs.area < SMALL_LUNGS:
        found.append(Finding(DOUBTFUL, "very small lungs"))
    if lungs.balance < ONE_LUNG:
        if lungs.off_middle < MIDDLE:
            found.append(Finding(DOUBTFUL, "one lung, in the middle: lateral, or part of a chest"))
        elif lungs.width > HALF:
            found.append(Finding(DOUBTFUL, "one lung, over half of the width: part of a chest"))
    elif lungs.between < LEAST_BETWEEN:
        found.append(Finding(DOUBTFUL, "nothing between the lungs: lateral, or no chest"))
    return found
