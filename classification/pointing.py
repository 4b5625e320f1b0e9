"""Pointing game: does a heatmap point at the finding that a radiologist drew a box around?

A heatmap for the true class hits where its greatest relevance lies inside a box (Zhang and others
2018, doi:10.1007/s11263-017-1059-x; here without a margin around the box). One pixel is little to
go by, so the share of all supporting relevance inside the boxes stands beside it. Large boxes are
easily hit: chance is told as well, for pointing anywhere in the image and anywhere in the lungs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.learning.preprocess import fit_letterbox
from isnet_cxr.data.manifests.boxes import Box


@dataclass(frozen=True)
class Pointed:
    """What came of one heatmap.

    Attributes:
        hit: Whether its greatest relevance lies in a box; False where none supports the class.
        inside: Share of the supporting relevance in boxes, 0 to 1; 0 where there is none.
        chance: Share of the image that boxes cover: what a blind pointer hits.
        chance_in_lungs: Share of the lungs that they cover; NaN without a lung mask.
    """

    hit: bool
    inside: float
    chance: float
    chance_in_lungs: float


def point(
    heatmap: NDArray[np.floating],
    mask: NDArray[np.uint8],
    boxes: Sequence[Box],
    *,
    height: int,
    width: int,
) -> Pointed:
    """Hold one heatmap against the boxes of its image.

    Args:
        heatmap: Signed relevance for the class of the finding, (S, S), in the network's geometry.
        mask: 1 in the lungs, (S, S).
        boxes: At least one, in parts of the image's width and height.
        height: Of the image before it became a square, in any unit.
        width: The same.
    """
    size = heatmap.shape[0]
    window = fit_letterbox(height=height, width=width, size_px=size).window
    image = np.zeros(heatmap.shape, dtype=bool)
    image[window] = True
    boxed = draw_boxes(boxes, height=height, width=width, size_px=size)
    support = np.where(image, np.clip(heatmap, 0, None), 0)
    total, lungs = float(support.sum()), mask > 0
    return Pointed(
        hit=total > 0 and bool(boxed.flat[int(support.argmax())]),
        inside=float(support[boxed].sum()) / total if total > 0 else 0.0,
        chance=float(boxed.sum() / image.sum()),
        chance_in_lungs=float(boxed[lungs].mean()) if lungs.any() else float("nan"),
    )


def draw_boxes(boxes: Sequence[Box], *, height: int, width: int, size_px: int) -> NDArray[np.bool_]:
    """Draw boxes into the square that a network sees: True inside, (S, S).

    Every box has a pixel, however small it is.
    """
    frame = fit_letterbox(height=height, width=width, size_px=size_px)
    drawn = np.zeros((size_px, size_px), dtype=bool)
    for left, top, right, bottom in boxes:
        rows = _pixels(top, bottom, frame.top, frame.height)
        columns = _pixels(left, right, frame.left, frame.width)
        drawn[rows, columns] = True
    return drawn


def _pixels(first: float, last: float, start: int, length: int) -> slice:
    """Return the pixels from ``first`` to ``last``, parts of a side."""
    begin = min(round(first * length), length - 1)
    return slice(start + begin, start + max(round(last * length), begin + 1))
