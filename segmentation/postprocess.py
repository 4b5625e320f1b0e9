"""Cleaning of predicted masks: the two lungs, without specks and without holes."""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

LUNGS = 2
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
    return _keep_lungs(_fill_holes(mask))


def _fill_holes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill small background regions that no path leads out of; the image's edge is a way out."""
    background = label(np.pad(mask, 1) == 0, connectivity=2)
    areas = np.bincount(background.ravel())
    small = areas <= LARGEST_HOLE * mask.size
    small[[0, background[0, 0]]] = False
    holes: NDArray[np.uint8] = small[background][1:-1, 1:-1].astype(np.uint8)
    return mask | holes


def _keep_lungs(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    regions = label(mask > 0, connectivity=1)
    areas = np.bincount(regions.ravel())
    areas[0] = 0
    kept = np.zeros(len(areas), dtype=bool)
    kept[np.argsort(-areas, kind="stable")[:LUNGS]] = True
    kept &= (areas > 0) & (areas >= SMALLEST_LUNG * areas.max())
    cleaned: NDArray[np.uint8] = kept[regions].astype(np.uint8)
    return cleaned
