"""Boxes around findings, as a manifest keeps them: parts of an image's width and height.

A box is (left, top, right, bottom), 0 to 1 from the image's upper left corner, so that it stays
right for copies of any size. A manifest's column ``boxes`` has them as a JSON list, or nothing.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from isnet_cxr.data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Box: TypeAlias = tuple[float, float, float, float]

EXPECTED = "a JSON list of [left, top, right, bottom] in parts of width and height, or empty"
OVERHANG = 0.02
"""By which part of a side a box may reach over an image's edge, as hand-drawn ones do."""
DIGITS = 6
CORNERS = 4


def place_boxes(boxes: Iterable[Box], *, height: float, width: float) -> tuple[Box, ...] | None:
    """Turn boxes in pixels into parts of the image, cut off at its edges.

    Args:
        boxes: In the units of ``height`` and ``width``.
        height: Of the image that the boxes were drawn on.
        width: The same.

    Returns:
        The boxes, or None where one has no area or reaches over an edge by more than ``OVERHANG``:
        it was drawn on an image of another size.
    """
    placed = []
    for left, top, right, bottom in boxes:
        box = (left / width, top / height, right / width, bottom / height)
        if not all(-OVERHANG <= side <= 1 + OVERHANG for side in box):
            return None
        cut = [round(min(max(side, 0.0), 1.0), DIGITS) for side in box]
        placed.append((cut[0], cut[1], cut[2], cut[3]))
    return tuple(placed) if all(_has_area(box) for box in placed) else None


def boxes_text(boxes: Iterable[Box]) -> str:
    """Write boxes as the manifest keeps them; empty when there is none."""
    listed = [list(box) for box in boxes]
    return json.dumps(listed) if listed else ""


def parse_boxes(text: str) -> tuple[Box, ...]:
    """Read what ``boxes_text`` writes.

    Raises:
        InputError: If it is anything else, or a box has no area or lies outside the image.
    """
    if not text:
        return ()
    try:
        boxes = tuple(_box(sides) for sides in json.loads(text))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise InputError(f"expected {EXPECTED}") from None
    return boxes


def boxes_of(row: "Mapping[str, Any] | pd.Series[Any]") -> tuple[Box, ...]:
    """Return the boxes of one row of a manifest: what a heatmap ought to point at.

    Args:
        row: A row of a checked manifest; one written before there were boxes has none.

    Returns:
        (left, top, right, bottom) of each box in parts of the image's width and height, 0 to 1.
    """
    return parse_boxes(row.get("boxes", ""))


def are_boxes(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """Tell for each text whether ``parse_boxes`` reads it."""
    known = {text: _is_readable(text) for text in texts.unique()}
    return texts.map(known).astype(bool)


def _is_readable(text: str) -> bool:
    try:
        parse_boxes(text)
    except ValueError:
        return False
    return True


def _box(sides: list[float]) -> Box:
    if len(sides) != CORNERS or any(isinstance(side, bool | str) for side in sides):
        raise InputError(EXPECTED)
    box = (float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3]))
    if not (all(0 <= side <= 1 for side in box) and _has_area(box)):
        raise InputError(EXPECTED)
    return box


def _has_area(box: Box) -> bool:
    left, top, right, bottom = box
    return left < right and top < bottom
