"""Positioning pads and lead aprons: what lies along the outside of the lungs' outline.

A letter in a corner is far from the lungs. A pad beside the chest and an apron over the belly lie a
few millimetres off, at another place in every image, and never on a lung pixel.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right", "below"]
Grey = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_OUTER_PART = 0.6
"""Only edges so far to the side have something beside them, in parts of the way from the lungs'
middle to the outermost lung pixel: the apices and the heart have none."""


@dataclass(frozen=True)
class Pad:
    """The shadow of something that lies along the lungs.

    Attributes:
        side: Beside the lung that the viewer sees to the left or right, or below both.
        gap_mm: Between the lungs' outline and the shadow, least and largest, drawn for every image.
        width_mm: Of the shadow.
        opacity: How much of the way to white it brings a pixel.
    """

    side: Side
    gap_mm: tuple[float, float]
    width_mm: tuple[float, float]
    opacity: tuple[float, float]


def add_pad(
    image: Grey, mask: Mask, pad: Pad, *, spacing_mm: float, rng: np.random.Generator
) -> Grey:
    """Brighten what lies under ``pad``.

    Args:
        image: Grey values in [0, 1], (H, W).
        mask: True in the lungs, (H, W).
        pad: What to add.
        spacing_mm: Side of a pixel.
        rng: Draws gap, width and opacity.

    Returns:
        The image, (H, W); lung pixels as they were.
    """
    gap, width = (rng.uniform(*limits) / spacing_mm for limits in (pad.gap_mm, pad.width_mm))
    opacity = rng.uniform(*pad.opacity)
    beyond = _beyond(mask, pad.side)
    under = (beyond > gap) & (beyond <= gap + width) & ~mask
    return np.where(under, image + opacity * (1 - image), image).astype(np.float32)


def _beyond(mask: Mask, side: Side) -> NDArray[np.intp]:
    """Pixels from the lungs' edge on their ``side``, at most 0 where there is none, (H, W)."""
    if side == "below":
        return _beyond(mask.T, "right").T
    if side == "left":
        return _beyond(mask[:, ::-1], "right")[:, ::-1]
    columns = np.arange(mask.shape[1])
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.intp)
    last = np.where(mask, columns, -1).max(axis=1, keepdims=True)
    middle = np.argwhere(mask)[:, 1].mean()
    is_outer = last >= middle + _OUTER_PART * (last.max() - middle)
    return np.where(is_outer, columns - last, 0)
