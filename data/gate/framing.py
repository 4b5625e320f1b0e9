"""Whether the frame holds a whole chest: its shape, and whether lungs run out of it.

A chest fits a frame that is nearly as high as wide, and lies within it. Halves and thirds that were
cut out of one are long and narrow, or low and wide, and their lungs end at the cut.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.gate.crops import bounding_box, content_box
from isnet_cxr.data.gate.verdict import DOUBTFUL, Finding

LOWEST, HIGHEST = 0.52, 1.45  # height over width of the image without its black borders
CUT_ABOVE, CUT_BELOW = 0.3, 0.1  # of the lungs' width, along the frame; apices are often tight
EDGE_PARTS = 64  # the frame's edge is one such part of the square's side


@dataclass(frozen=True)
class Framing:
    """How an image is framed.

    Attributes:
        aspect: Height over width, without black borders.
        cut_above: How much of the lungs' width lies along the upper edge of the frame.
        cut_below: The same of the lower edge.
    """

    aspect: float
    cut_above: float
    cut_below: float


def measure_framing(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> Framing:
    """Measure a prepared image (S, S) and its lung mask, None where none is known."""
    frame = content_box(image)
    rows = slice(int(frame.top), int(frame.bottom))
    columns = slice(int(frame.left), int(frame.right))
    aspect = (frame.bottom - frame.top) / (frame.right - frame.left)
    inside = np.zeros((1, 1), dtype=bool) if mask is None else mask[rows, columns] != 0
    box = bounding_box(inside)
    if box is None:
        return Framing(aspect, 0.0, 0.0)
    depth = max(1, image.shape[0] // EDGE_PARTS)
    width = box.right - box.left
    return Framing(
        aspect=aspect,
        # A lung that only touches the edge's inner side is near it, and not cut.
        cut_above=float(inside[:depth].all(axis=0).sum() / width),
        cut_below=float(inside[-depth:].all(axis=0).sum() / width),
    )


def judge_framing(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> list[Finding]:
    """List what the frame speaks against a prepared image; arguments as in ``measure_framing``."""
    framing = measure_framing(image, mask)
    found = []
    if not LOWEST <= framing.aspect <= HIGHEST:
        shape = "low and wide" if framing.aspect < LOWEST else "high and narrow"
        found.append(Finding(DOUBTFUL, f"{shape}: part of a chest, or none"))
    if framing.cut_above > CUT_ABOVE:
        found.append(Finding(DOUBTFUL, "lungs run out of the image above"))
    if framing.cut_below > CUT_BELOW:
        found.append(Finding(DOUBTFUL, "lungs run out of the image below"))
    return found
