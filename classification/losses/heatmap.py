"""The ISNet heatmap loss: relevance outside the lungs costs, and so does no relevance at all.

Bassi, Dertkigil, Cavalli 2024 (doi:10.1038/s41467-023-44371-z); the hybrid foreground term is
Bassi, Decherchi, Cavalli 2024 (doi:10.1109/ACCESS.2024.3487474).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from isnet_cxr.classification.losses.pooling import gwrp
from isnet_cxr.data.errors import InputError

ForegroundForm = Literal["L2", "hybrid"]
EmptyMasks = Literal["refuse", "skip"]


@dataclass(frozen=True)
class HeatmapLossSettings:
    """Weights and shape of the heatmap loss.

    Attributes:
        decay: GWRP's d for the background, in [0, 1]; lower attends to fewer, stronger pixels.
        background_scale: E; the background's relevance, in units of the lungs' mean, that costs
            log 2.
        background_weight: w1.
        foreground_weight: w2.
        foreground_range: C1 and C2: the total absolute relevance inside the lungs that costs
            nothing.
        foreground_form: "L2", or "hybrid", which grows linearly above C1 + C2.
        empty_masks: What becomes of a map whose mask has no lung pixel, where the loss has no
            meaning: "refuse" it, or "skip" it. An image whose maps are all skipped costs nothing,
            and the mean is over the other images.
    """

    decay: float = 0.9
    background_scale: float = 1.0
    background_weight: float = 1.0
    foreground_weight: float = 1.0
    foreground_range: tuple[float, float] = (1.0, 25.0)
    foreground_form: ForegroundForm = "hybrid"
    empty_masks: EmptyMasks = "refuse"

    def __post_init__(self) -> None:
        """Check that the foreground range is one."""
        low, high = self.foreground_range
        if not 0 < low < high:
            raise InputError(f"foreground_range must be 0 < C1 < C2, got {self.foreground_range}")


@dataclass(frozen=True)
class HeatmapLoss:
    """The loss of a batch.

    Attributes:
        total: Mean over the images that are scored; 0, with a graph, if none is.
        background: Mean of the background term, unweighted.
        foreground: Mean of the foreground term, unweighted.
        per_image: (B,), 0 for an image that is not scored.
        is_scored: Whether an image had a mask with lungs, (B,).
    """

    total: Tensor
    background: Tensor
    foreground: Tensor
    per_image: Tensor
    is_scored: Tensor


def heatmap_loss(
    heatmaps: Tensor, lung_masks: Tensor, *, settings: HeatmapLossSettings
) -> HeatmapLoss:
    """Score heatmaps by where their relevance lies; always computed in float32 or better.

    Args:
        heatmaps: Signed relevance, (B, maps, C, H, W).
        lung_masks: 1 in the lungs, 0 outside, (B, 1, H, W), or (B, maps, H, W) for one mask per
            map.
        settings: See ``HeatmapLossSettings``.

    Returns:
        Mean over an image's maps, then over images; over those with lungs in their masks.

    Raises:
        InputError: If the shapes disagree, or a mask has no lung pixel and ``settings`` refuse it.
    """
    masks = _check_masks(heatmaps, lung_masks)
    has_lungs = _find_lungs(masks, settings).expand(-1, heatmaps.shape[1])
    with torch.autocast(heatmaps.device.type, enabled=False):
        relevance = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32)).abs()
        masks = masks.to(relevance.dtype)
        background = background_loss(relevance, masks, settings=settings)
        foreground = foreground_loss(relevance, masks, settings=settings)
        background, foreground = _mean_of(background, has_lungs), _mean_of(foreground, has_lungs)
        per_image = (
            settings.background_weight * background + settings.foreground_weight * foreground
        )
        is_scored = has_lungs.any(dim=1)
        return HeatmapLoss(
            total=mean_of_scored(per_image, is_scored),
            background=mean_of_scored(background, is_scored),
            foreground=mean_of_scored(foreground, is_scored),
            per_image=per_image,
            is_scored=is_scored,
        )


def mean_of_scored(per_image: Tensor, is_scored: Tensor) -> Tensor:
    """Mean of ``per_image`` (B,) over the images that are scored (B,); 0 when none is."""
    return _mean_of(per_image[None], is_scored[None])[0]


def background_loss(relevance: Tensor, masks: Tensor, *, settings: HeatmapLossSettings) -> Tensor:
    """``log(1 + g / E)``: g is the strongest relevance outside, in units of the mean inside.

    Args:
        relevance: Absolute relevance, (B, maps, C, H, W).
        masks: (B, 1 or maps, 1, H, W), same type.
        settings: Gives d and E.

    Returns:
        (B, maps).
    """
    pixels = masks.expand(-1, -1, relevance.shape[2], -1, -1).flatten(2).sum(dim=2)
    # At least one: a map that is skipped must have no NaN in its derivative either.
    mean_inside = (relevance * masks).flatten(2).sum(dim=2) / pixels.clamp_min(1)
    outside = (relevance * (1 - masks)).flatten(2)
    strongest = gwrp(outside, decay=settings.decay) / (mean_inside + 1e-10)
    return torch.log1p(strongest / settings.background_scale)


def foreground_loss(relevance: Tensor, masks: Tensor, *, settings: HeatmapLossSettings) -> Tensor:
    """Keep the total relevance inside the lungs within [C1, C2]: no training by vanishing heatmaps.

    Takes and returns what ``background_loss`` does.
    """
    low, high = settings.foreground_range
    total = (relevance * masks).flatten(2).sum(dim=2)
    too_little = ((total / low).clamp_max(1) - 1) ** 2
    excess = (total / low).clamp_min(high / low) - high / low
    too_much = excess**2
    if settings.foreground_form == "hybrid":
        too_much = torch.where(total > low + high, 1 + total - (low + high), too_much)
    return too_little + too_much


def _check_masks(heatmaps: Tensor, lung_masks: Tensor) -> Tensor:
    """Return the masks as (B, 1 or maps, 1, H, W)."""
    batch, maps, _, height, width = heatmaps.shape
    allowed = ((batch, 1, height, width), (batch, maps, height, width))
    if tuple(lung_masks.shape) not in allowed:
        raise InputError(
            f"lung_masks must be {allowed[0]} or {allowed[1]}, got {tuple(lung_masks.shape)}"
        )
    return lung_masks.unsqueeze(2)


def _find_lungs(masks: Tensor, settings: HeatmapLossSettings) -> Tensor:
    """Return which masks have a lung pixel, (B, 1 or maps)."""
    has_lungs = masks.flatten(2).sum(dim=2) > 0
    empty = (~has_lungs).any(dim=1).nonzero().flatten().tolist()
    if empty and settings.empty_masks == "refuse":
        raise InputError(f"lung_masks {empty} of the batch have no lung pixel")
    return has_lungs


def _mean_of(values: Tensor, counts: Tensor) -> Tensor:
    """Mean over dimension 1 of the values that count, (B,); 0 where none does."""
    return torch.where(counts, values, 0).sum(dim=1) / counts.sum(dim=1).clamp_min(1)
