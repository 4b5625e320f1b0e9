"""Lung masks as people store them: labels, grey levels, colours, transparency.

One rule for all: the background is the plain one that runs along the border, black where black
does; whatever else is marked is lung, whichever label each lung has. Where no background is plain,
or the file is a picture and no mask, it is refused: half a mask would teach that the other lung is
background.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, label

from isnet_cxr.data.readers.radiograph import UnreadableImage

LARGEST_LABEL = 15
MOST_EXACT = 16
"""Most different values in a file whose values are exact; more are a lossy format's."""
NOISE = 24
"""Largest difference, of 255, that a lossy format makes of one colour."""
WHITE, IGNORED = 255, 127
PLAIN, BLACK, HALF = 0.75, 0.2, 0.5
"""Shares of the border that a background has, at least: any, black, and black beyond doubt."""
MOST_LUNG = 0.75
"""Largest share of an image that is lung, unless the background is black beyond doubt."""
LEAST_LUNG = 0.02
"""Smallest share of an image that is lung on a background that is not black."""
LEAST_LEVEL, LEAST_COVERED = 0.1, 0.5
MOST_LEVELS = 4


def lungs(path: Path, values: NDArray[Any], *, only: int | None = None) -> NDArray[np.uint8]:
    """Find the lungs in a mask.

    Args:
        path: The file, for the error.
        values: Labels or grey, (H, W), or RGBA, (H, W, 4).
        only: The one grey value that is lung, where the publisher says so: nothing is guessed then,
            and a mask may be without lungs.

    Returns:
        uint8 (H, W), 1 in the lungs.

    Raises:
        UnreadableImage: If the background is ambiguous, or the file is no mask.
    """
    if only is not None:
        colours = values[..., np.newaxis] if values.ndim == len(("row", "column")) else values
        return np.asarray((colours[..., :3] == only).all(axis=-1), dtype=np.uint8)
    values = _without_ignored(np.nan_to_num(values))
    labels = _are_labels(values)
    values = _comparable(values)
    if (values == values[0, 0]).all():
        if values.any():
            raise UnreadableImage(path, "ambiguous mask: one value everywhere, which is not black")
        return np.zeros(values.shape[:2], dtype=np.uint8)
    exact = _count_different(values) <= MOST_EXACT
    noise = 0 if exact else NOISE
    background = _background(path, values, noise=noise)
    distance = np.abs(values - background).max(axis=-1)
    found = distance > (0 if labels else _threshold(path, distance, noise=noise))
    if found.mean() > MOST_LUNG and _may_be_inverted(values, background):
        raise UnreadableImage(path, "ambiguous mask: most of the image would be lung")
    if background.any() and not labels and found.mean() < LEAST_LUNG:
        raise UnreadableImage(
            path, "ambiguous mask: nearly all of the image is of one bright value"
        )
    return np.asarray(found, dtype=np.uint8)


def _are_labels(values: NDArray[Any]) -> bool:
    """Claim that the values are whole numbers too small to be grey: of these no pixel is blur."""
    return bool(np.abs(values).max() <= LARGEST_LABEL and (values == np.rint(values)).all())


def _without_ignored(values: NDArray[Any]) -> NDArray[Any]:
    """Turn 127 beside 0 and 255 into 0: V7 marks so what is to be ignored.

    Where 255 is one area alone, it is one lung, and 127 may well be the other.
    """
    if values.ndim != len(("row", "column")) or not np.isin(values, (0, IGNORED, WHITE)).all():
        return values
    white = values == WHITE
    areas = np.bincount(label(white)[0].ravel())[1:]
    if (areas >= LEAST_LEVEL * white.sum()).sum() > 1:
        return np.where(white, values, 0)
    return values


def _comparable(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return float32 (H, W, C): labels as they are, grey and colours to 255, alpha if it varies."""
    if values.ndim == len(("row", "column")):
        grey = values.astype(np.float32)[..., np.newaxis]
        largest = float(np.abs(grey).max())
        return grey if _are_labels(values) or not largest else grey * np.float32(WHITE / largest)
    colours, alpha = values[..., :3].astype(np.float32), values[..., 3]
    if alpha.min() == alpha.max():
        return colours
    opaque = alpha > WHITE // 2
    colours = colours * opaque[..., np.newaxis]  # what is transparent has no colour
    shown = np.unique(colours[opaque], axis=0) if opaque.any() else colours[:0, 0]
    if len(shown) > 1 and not shown[0].any():
        return colours  # black is shown, and transparent black is no other
    return np.concatenate([colours, alpha[..., np.newaxis].astype(np.float32)], axis=-1)


def _count_different(values: NDArray[np.float32]) -> int:
    if values.shape[-1] == 1:
        return len(np.unique(values))
    packed = np.zeros(values.shape[:2], dtype=np.uint32)
    for channel in np.moveaxis(values, -1, 0):
        packed = packed * np.uint32(256) + channel.astype(np.uint32)
    return len(np.unique(packed))


def _may_be_inverted(values: NDArray[np.float32], background: NDArray[np.float32]) -> bool:
    """Claim that the background may be the lungs: it is not black, or half of the border is not."""
    return bool(background.any()) or _share(_border(values), background, noise=NOISE) < HALF


def _border(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _background(path: Path, values: NDArray[np.float32], *, noise: int) -> NDArray[np.float32]:
    """Return the background's colour, (C,)."""
    border = _border(values)
    black = np.zeros(border.shape[-1], dtype=np.float32)
    if _share(border, black, noise=noise) >= BLACK:
        return black
    if noise:
        common = np.median(border, axis=0).astype(np.float32)
    else:
        colours, counts = np.unique(border, axis=0, return_counts=True)
        common = colours[counts.argmax()]
    if _share(border, common, noise=noise) < PLAIN:
        raise UnreadableImage(path, "ambiguous mask: no plain background along the border")
    return np.asarray(common)


def _share(border: NDArray[np.float32], colour: NDArray[np.float32], *, noise: int) -> float:
    return float((np.abs(border - colour).max(axis=-1) <= noise).mean())


def _threshold(path: Path, distance: NDArray[np.float32], *, noise: int) -> float:
    """Return half of the distance from the background to the label that is closest to it.

    Labels are areas; what lies between them and the background is the blur of their edges, which
    is thin.
    """
    left = distance > noise
    marked = int(left.sum())
    levels: list[float] = []
    while left.any() and len(levels) < MOST_EXACT:
        values, counts = np.unique(np.rint(distance[left] * 4) / 4, return_counts=True)
        level = float(values[counts.argmax()])
        near = left & (np.abs(distance - level) <= noise / 2 + 0.25)
        if near.sum() >= LEAST_LEVEL * marked or _has_inside(near):
            levels.append(level)
        left &= ~near
    covered = [np.abs(distance - level) <= noise for level in levels]
    if noise and (
        len(levels) > MOST_LEVELS or np.any(covered, axis=0).sum() < LEAST_COVERED * marked
    ):
        raise UnreadableImage(path, "no mask: a picture of many grey values or colours")
    return min(levels, default=0.0) / 2


def _has_inside(area: NDArray[np.bool_]) -> bool:
    return bool(binary_erosion(area, np.ones((3, 3), dtype=bool)).any())
