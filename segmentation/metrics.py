"""How well a mask matches a reference: Dice, and the 95th percentile Hausdorff distance.

MONAI computes both; here stand the conventions for empty masks and units.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance
from numpy.typing import NDArray
from torch import Tensor

from isnet_cxr.data.errors import InputError

PERCENTILE = 95


@dataclass(frozen=True)
class Overlap:
    """Agreement of one mask with its reference.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|), 1 when they are equal.
        hd95_px: 95th percentile of the distances between the outlines, the worse direction, in px.
        hd95_mm: The same in mm; NaN when the image's spacing is unknown.
    """

    dice: float
    hd95_px: float
    hd95_mm: float


def measure_overlap(
    predicted: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    spacing_mm: tuple[float, float] | None,
) -> Overlap:
    """Compare a mask with its reference at the image's own resolution.

    An empty prediction is as far off as can be: Dice 0, and the image's diagonal as distance.

    Args:
        predicted: 1 in the lungs, (H, W).
        reference: 1 in the lungs, (H, W).
        spacing_mm: Height and width of a pixel; None when unknown.

    Raises:
        InputError: If the sizes differ or the reference is empty.
    """
    if predicted.shape != reference.shape:
        raise InputError(
            f"mask must be {reference.shape} px like its reference, got {predicted.shape}"
        )
    if not reference.any():
        raise InputError("reference mask has no lung pixel")
    pair = [torch.from_numpy(mask > 0)[None, None] for mask in (predicted, reference)]
    hd95_mm = math.nan if spacing_mm is None else _hd95(*pair, spacing=spacing_mm)
    return Overlap(dice_of_batch(*pair).item(), _hd95(*pair, spacing=(1.0, 1.0)), hd95_mm)


def dice_of_batch(predicted: Tensor, reference: Tensor) -> Tensor:
    """Return every image's Dice, (B,); two empty masks agree.

    Args:
        predicted: True or 1 in the lungs, (B, 1, H, W).
        reference: True or 1 in the lungs, (B, 1, H, W).
    """
    dice = compute_dice(predicted.float(), reference.float(), ignore_empty=False)
    return torch.as_tensor(dice)[:, 0]


def _hd95(predicted: Tensor, reference: Tensor, *, spacing: tuple[float, float]) -> float:
    """Return the distance in the units of ``spacing`` (row, column)."""
    if not predicted.any():
        height, width = reference.shape[-2:]
        return math.hypot(height * spacing[0], width * spacing[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI's, about its own call of itself
        distance = compute_hausdorff_distance(
            predicted,
            reference,
            include_background=True,
            percentile=PERCENTILE,
            spacing=list(spacing),
        )
    return float(distance.item())
