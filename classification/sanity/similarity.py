"""How alike two heatmaps of one image are: by the order of their pixels, and as pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

from isnet_cxr.classification.figures.figure import Floats

FULL = 0.995
"""Quantile of |relevance| that counts as 1 where heatmaps are compared as pictures."""
FEWEST_PX = 7
"""Side of the window of structural similarity; smaller heatmaps have none."""


@dataclass(frozen=True)
class Alike:
    """How alike the heatmaps of N images are.

    Attributes:
        rank: Spearman's correlation of |relevance| over the pixels, -1 to 1, (N,).
        ssim: Structural similarity of |relevance|, -1 to 1, (N,).
    """

    rank: Floats
    ssim: Floats


def compare_heatmaps(first: NDArray[np.floating], second: NDArray[np.floating]) -> Alike:
    """Compare heatmaps of the same images in pairs.

    Signs do not count: relevance that only changes sides still marks the same places.

    Args:
        first: (N, S, S).
        second: (N, S, S).

    Returns:
        NaN where one heatmap is the same everywhere, or not finite: it marks no place.
    """
    pairs = list(zip(np.abs(first), np.abs(second), strict=True))
    return Alike(
        np.asarray([_rank(*pair) for pair in pairs], dtype=float),
        np.asarray([_ssim(*pair) for pair in pairs], dtype=float),
    )


def _rank(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    if _is_flat(first) or _is_flat(second):
        return float("nan")
    return float(np.corrcoef(rankdata(first, axis=None), rankdata(second, axis=None))[0, 1])


def _ssim(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    if _is_flat(first) or _is_flat(second) or min(first.shape) < FEWEST_PX:
        return float("nan")
    scaled = (np.clip(one / max(np.quantile(one, FULL), 1e-12), 0, 1) for one in (first, second))
    return float(structural_similarity(*scaled, data_range=1.0))


def _is_flat(heatmap: NDArray[np.floating]) -> bool:
    return bool(not np.isfinite(heatmap).all() or heatmap.min() == heatmap.max())
