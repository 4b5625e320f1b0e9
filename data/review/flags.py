"""Images that a person should look at: inverted, lateral, or hardly a chest.

Nothing is dropped or turned here. In a frontal image of the right polarity the mediastinum, which
lies between the lungs, is brighter than they are; a lateral view has nothing between its lungs.
"""

import math

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import fit_letterbox, shrink

SIZE_PX = 128  # longest side at which images are judged
INVERTED_BELOW = 0.5
LEAST_BETWEEN = 0.02
LEAST_LUNG = 0.03

INVERTED = "looks inverted: lungs brighter than the mediastinum"
LATERAL = "looks lateral, or shows one lung: nothing between the lungs"
NO_CHEST = "hardly a chest: no lungs to speak of"


def review_flags(pixels: NDArray[np.float32], lung_mask: NDArray[np.uint8]) -> tuple[str, ...]:
    """List what is flagged about an image; empty for nearly every frontal chest.

    Args:
        pixels: (1, H, W) in [0, 1], air dark.
        lung_mask: 1 in the lungs, (H, W), drawn or predicted.

    Raises:
        InputError: If the shapes disagree.
    """
    if pixels.shape != (1, *lung_mask.shape):
        raise InputError(f"lung_mask must be {pixels.shape[1:]}, got {lung_mask.shape}")
    return suspect_shrunk(shrink(pixels[0], SIZE_PX), lung_mask)


def suspect_shrunk(image: NDArray[np.float32], lung_mask: NDArray[np.uint8]) -> tuple[str, ...]:
    """Do what ``review_flags`` does, where the image itself is no longer at hand.

    Args:
        image: (h, w), its longest side shrunk to ``SIZE_PX``.
        lung_mask: At the size of the image before that, (H, W).
    """
    return _suspect(image, shrink(lung_mask != 0, SIZE_PX) >= 0.5)  # noqa: PLR2004 - half of a pixel


def suspect_prepared(
    square: NDArray[np.uint8], mask: NDArray[np.uint8], *, height: int, width: int
) -> tuple[str, ...]:
    """Do the same where image and mask are shrunk already, as a network sees them.

    What is asked are shares of areas and which of two places is brighter: neither the size nor the
    exposure of what is looked at decides.

    Args:
        square: The prepared image, (S, S).
        mask: 1 in the lungs, (S, S).
        height: Of the image before that.
        width: Of the image before that.
    """
    window = fit_letterbox(height=height, width=width, size_px=len(square)).window
    step = max(1, len(square) // SIZE_PX)
    image, lungs = (plane[window][::step, ::step] for plane in (square, mask))
    return _suspect(image, lungs != 0)


def _suspect(
    image: NDArray[np.float32] | NDArray[np.uint8], lungs: NDArray[np.bool_]
) -> tuple[str, ...]:
    if lungs.mean() < LEAST_LUNG:
        return (NO_CHEST,)
    between = _between(lungs)
    if between.sum() < LEAST_BETWEEN * lungs.sum():
        return (LATERAL,)
    if share_brighter(image[between], image[lungs]) < INVERTED_BELOW:
        return (INVERTED,)
    return ()


def share_brighter(
    these: NDArray[np.float32] | NDArray[np.uint8], those: NDArray[np.float32] | NDArray[np.uint8]
) -> float:
    """Return how often a pixel of ``these`` is brighter than one of ``those``, 0 to 1.

    Ties count half; with either empty the answer is NaN. It does not depend on exposure.
    """
    if not these.size or not those.size:
        return math.nan
    if these.dtype == those.dtype == np.uint8:
        counts, darker = (np.bincount(values, minlength=256) for values in (these, those))
        pairs = counts @ (2 * np.cumsum(darker) - darker)
        return float(pairs / (2 * these.size * those.size))  # a tenth of the time
    ordered = np.sort(those)
    below = np.searchsorted(ordered, these, side="left")
    up_to = np.searchsorted(ordered, these, side="right")
    return float((below + up_to).mean() / (2 * those.size))


def _between(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies between the first and the last lung pixel of its row, (H, W)."""
    passed = np.cumsum(lungs, axis=1)
    return (passed > 0) & (passed < passed[:, -1:]) & ~lungs
