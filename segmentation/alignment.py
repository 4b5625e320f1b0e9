"""Do masks stand where their images' edges are? Measured from the images alone, without a network.

Air is dark: across a lung's border the image brightens outwards. A set of masks is moved against
its images, and where the masks' borders meet the most brightening is where they belong. The
ribs and the diaphragm pull this place away from the drawn border by themselves, alike in all
frontal images: compare two datasets rather than read one.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import shrink
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import read_image, read_mask

SIDE_PX = 200  # longest side at which images and masks are compared
REACH_PX = 5  # largest offset that is looked for
BLUR_PX = 1.0
RESAMPLES = 500

Offset = tuple[float, float]
"""Down and right, in px of ``SIDE_PX`` on the longest side."""
NO_OFFSET: Offset = (0.0, 0.0)


def edge_agreement(
    image: NDArray[np.float32], mask: NDArray[np.uint8], *, reach_px: int = REACH_PX
) -> NDArray[np.float64]:
    """Brightening across the mask's border, with the mask moved by every offset.

    Args:
        image: (H, W), air dark.
        mask: 1 in the lungs, (H, W).
        reach_px: Largest offset along each axis.

    Returns:
        (2 reach + 1, 2 reach + 1), row and column offset from -reach to reach; at most 1, which
        is an image whose gradient is that of the mask.
    """
    down, right = np.gradient(ndimage.gaussian_filter(image.astype(np.float64), BLUR_PX))
    into = np.gradient(ndimage.gaussian_filter((mask != 0).astype(np.float64), BLUR_PX))
    total = np.zeros((2 * reach_px + 1, 2 * reach_px + 1))
    for brightening, inwards in ((down, into[0]), (right, into[1])):
        shape = [side + 2 * reach_px for side in image.shape]
        spectrum = np.conj(np.fft.rfft2(inwards, shape)) * np.fft.rfft2(brightening, shape)
        correlation = np.fft.irfft2(spectrum, shape)
        places = np.arange(-reach_px, reach_px + 1)
        total -= correlation[np.ix_(places, places)]
    norm = np.sqrt((down**2 + right**2).sum() * (into[0] ** 2 + into[1] ** 2).sum())
    return np.asarray(total / max(norm, 1e-12))


def best_offset(agreement: NDArray[np.float64]) -> tuple[float, float]:
    """Row and column offset of the largest agreement, between pixels by a parabola."""
    reach_px = agreement.shape[0] // 2
    row, column = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return (
        row + _vertex(agreement[:, column], int(row)) - reach_px,
        column + _vertex(agreement[row], int(column)) - reach_px,
    )


def moved(mask: NDArray[np.uint8], offset: Offset) -> NDArray[np.uint8]:
    """Move a mask (H, W) down and right; what comes in from outside is not lung."""
    if offset == NO_OFFSET:
        return mask
    step = max(mask.shape) / SIDE_PX
    shift = (offset[0] * step, offset[1] * step)
    inside = ndimage.shift((mask != 0).astype(np.float32), shift, order=1)
    return np.asarray(inside >= 0.5, dtype=np.uint8)  # noqa: PLR2004 - half of the pixel


def measure_offset(manifest: pd.DataFrame, *, progress: bool = True) -> dict[str, Any]:
    """Say by how much a dataset's masks would have to move to meet their images' edges best.

    Args:
        manifest: Images; those without a mask are left out.
        progress: Show a progress bar.

    Returns:
        n, row_px and column_px (of ``SIDE_PX`` on the longest side; down and right are positive),
        and their 95 % intervals by bootstrap over images.

    Raises:
        InputError: If no image has a mask.
    """
    rows = manifest[manifest["lung_mask"] != ""]
    if rows.empty:
        raise InputError("no image of the manifest has a lung mask")
    pairs = [(Path(a), Path(b)) for a, b in zip(rows["path"], rows["lung_mask"], strict=True)]
    found = list(
        map_items(_agreement_of, pairs, workers=1, title="Comparing edges", progress=progress)
    )
    agreements = np.stack(found)
    generator = np.random.default_rng(0)
    resampled = np.array(
        [
            best_offset(agreements[generator.integers(0, len(found), len(found))].mean(axis=0))
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    row_px, column_px = best_offset(agreements.mean(axis=0))
    return {
        "n": len(found),
        "row_px": row_px,
        "row_ci95": [float(low[0]), float(high[0])],
        "column_px": column_px,
        "column_ci95": [float(low[1]), float(high[1])],
    }


def _agreement_of(pair: tuple[Path, Path]) -> NDArray[np.float64]:
    image = read_image(pair[0]).pixels[0]
    mask = (read_mask(pair[1]) != 0).astype(np.float32)
    lungs = shrink(mask, SIDE_PX) >= 0.5  # noqa: PLR2004 - half of the pixel
    return edge_agreement(shrink(image, SIDE_PX), lungs.astype(np.uint8))


def _vertex(values: NDArray[np.float64], peak: int) -> float:
    """Where a parabola through the peak and its neighbours is highest, from the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = values[peak - 1 : peak + 2]
    curvature = before - 2 * top + after
    return float((before - after) / (2 * curvature)) if curvature else 0.0
