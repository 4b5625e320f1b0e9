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

    Signs do not count: relevance that only changes sides still marks the same places. Pixels
    without relevance in both are left out: where a network is shown nothing, as beyond an image's
    edge or its lungs, all heatmaps agree.

    Args:
        first: (N, S, S).
        second: (N, S, S).

    Returns:
        NaN where a heatmap is the same everywhere, or not finite: it marks no place.
    """
    pairs = list(zip(np.abs(first), np.abs(second), strict=True))
    return Alike(
        np.asarray([_rank(*pair) for pair in pairs], dtype=float),
        np.asarray([_ssim(*pair) for pair in pairs], dtype=float),
    )


def _rank(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    there = (first > 0) | (second > 0)
    if _is_flat(first[there]) or _is_flat(second[there]):
        return float("nan")
    return float(np.corrcoef(rankdata(first[there]), rankdata(second[there]))[0, 1])


def _ssim(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    there = (first > 0) | (second > 0)
    if _is_flat(first[there]) or _is_flat(second[there]) or min(first.shape) < FEWEST_PX:
        return float("nan")
    scaled = (np.clip(one / max(np.quantile(one, FULL), 1e-12), 0, 1) for one in (first, second))
    _, alike = structural_similarity(*scaled, data_range=1.0, full=True)
    return float(alike[there].mean())


def _is_flat(values: NDArray[np.floating]) -> bool:
    return not len(values) or bool(not np.isfinite(values).all() or values.min() == values.max())
