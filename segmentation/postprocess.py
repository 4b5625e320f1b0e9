"""Cleaning of predicted masks: the two lungs, without specks and without holes."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

LUNGS = 2
ROWS_AT_ONCE = 64
SMALLEST_LUNG = 0.1  # of the larger lung's area; what is smaller is a speck
LARGEST_HOLE = 0.03  # of the image's area; what is larger is the mediastinum between touching lungs


def clean_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill the holes of a mask and keep its two largest regions.

    A second region of less than a tenth of the first is no lung but a speck: gas in the stomach,
    a dark corner. An empty mask stays empty. Cleaning twice changes nothing.

    Args:
        mask: 1 in the lungs, (H, W).

    Returns:
        The cleaned mask, same shape.
    """
    box = _bounding_box(mask)
    cleaned = np.zeros(mask.shape, np.uint8)
    if box is not None:  # what surrounds it is background in one piece, and takes no part
        filled = _fill_holes(mask[box] > 0, largest=LARGEST_HOLE * mask.size)
        cleaned[box] = _keep_lungs(filled)
    return cleaned


def _bounding_box(mask: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fill_holes(mask: NDArray[np.bool_], *, largest: float) -> NDArray[np.bool_]:
    """Fill small background regions that no path leads out of; the image's edge is a way out."""
    background, count = label(np.pad(~mask, 1, constant_values=True), structure=np.ones((3, 3)))
    areas = _areas(background, count)
    small = areas <= largest
    small[[0, background[0, 0]]] = False
    return mask | small[background][1:-1, 1:-1] if small.any() else mask


def _keep_lungs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    regions, count = label(mask)
    areas = _areas(regions, count)
    areas[0] = 0
    kept = np.zeros(len(areas), dtype=bool)
    kept[np.argsort(-areas, kind="stable")[:LUNGS]] = True
    kept &= (areas > 0) & (areas >= SMALLEST_LUNG * areas.max())
    chosen: NDArray[np.bool_] = mask if kept[1:].all() else kept[regions]
    return chosen


def _areas(regions: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Return how many pixels each region has, from 0; by rows, since counting copies them."""
    areas = np.zeros(count + 1, np.int64)
    for start in range(0, len(regions), ROWS_AT_ONCE):
        areas += np.bincount(regions[start : start + ROWS_AT_ONCE].ravel(), minlength=count + 1)
    return areas
