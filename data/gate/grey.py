"""Images that hold nothing to judge: too small, of one grey value, or a drawing of a few."""

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.gate.verdict import REFUSED, Finding

LEAST_SIDE_PX = 32
LEAST_RANGE = 0.02  # between the 1st and 99th percentile, of white
FEW_GREYS = 8
LEVELS = 256
LONGEST_PX = 256


def judge_grey(pixels: NDArray[np.float32]) -> list[Finding]:
    """List what speaks against an image as it was read, (1, H, W) in [0, 1]."""
    plane = pixels[0]
    if min(plane.shape) < LEAST_SIDE_PX:
        return [Finding(REFUSED, f"smaller than {LEAST_SIDE_PX} px")]
    step = max(1, max(plane.shape) // LONGEST_PX)
    seen = plane[::step, ::step]
    counts = np.bincount(np.round(seen * (LEVELS - 1)).astype(np.intp).ravel(), minlength=LEVELS)
    low, high = np.searchsorted(np.cumsum(counts), (0.01 * seen.size, 0.99 * seen.size))
    if high - low < LEAST_RANGE * (LEVELS - 1):
        return [Finding(REFUSED, "nearly one grey value everywhere")]
    if np.count_nonzero(counts) <= FEW_GREYS:
        return [Finding(REFUSED, "few grey values: a drawing or a mask, no radiograph")]
    return []
