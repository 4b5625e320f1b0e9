"""Heatmaps for people: relevance drawn over the image, on a symmetric colour scale."""

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError

WARM, COLD = np.array([215, 48, 31]), np.array([33, 102, 172])  # supports, contradicts


def overlay(
    image: NDArray[np.floating], heatmap: NDArray[np.floating], *, limit: float | None = None
) -> NDArray[np.uint8]:
    """Draw relevance over an image: red supports the explained class, blue contradicts it.

    Args:
        image: Grey values in [0, 1], (H, W).
        heatmap: Signed relevance, (H, W).
        limit: |relevance| of full colour; None takes the 99.5th percentile of |heatmap|. The scale
            is symmetric, so that no relevance is no colour.

    Returns:
        RGB, (H, W, 3).

    Raises:
        InputError: If the shapes differ.
    """
    if image.shape != heatmap.shape:
        raise InputError(f"heatmap must be {image.shape}, got {heatmap.shape}")
    if limit is None:
        limit = colour_limit(heatmap)
    strength = np.clip(np.abs(heatmap) / max(limit, 1e-12), 0, 1)[..., None]
    colour = np.where(heatmap[..., None] >= 0, WARM, COLD)
    grey = np.clip(image, 0, 1)[..., None] * np.full(3, 255.0)
    return np.asarray(np.rint((1 - 0.8 * strength) * grey + 0.8 * strength * colour), np.uint8)


def colour_limit(heatmap: NDArray[np.floating]) -> float:
    """Return the |relevance| that is drawn in full colour, the 99.5th percentile."""
    return float(np.quantile(np.abs(heatmap), 0.995))
