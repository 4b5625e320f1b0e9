"""The heatmap loss on hidden layers as well: deep supervision (LDS).

Bassi, Decherchi, Cavalli 2024 (doi:10.1109/ACCESS.2024.3487474): the same loss on every supervised
layer's heatmaps, the layers combined by global weighted ranked pooling, so that the worst counts
most.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

from isnet_cxr.classification.losses.heatmap import (
    HeatmapLoss,
    HeatmapLossSettings,
    heatmap_loss,
    mean_of_scored,
)
from isnet_cxr.classification.losses.pooling import gwrp
from isnet_cxr.data.errors import InputError


def deep_heatmap_loss(
    heatmaps: Mapping[str, Tensor],
    lung_masks: Tensor,
    *,
    settings: Mapping[str, HeatmapLossSettings],
    layer_decay: float = 0.8,
) -> HeatmapLoss:
    """Score the heatmaps of several layers, in float32; of one layer it is ``heatmap_loss``.

    Args:
        heatmaps: Signed relevance by layer, (B, maps, C, H, W) each, sizes of their own.
        lung_masks: 1 in the lungs, (B, 1 or maps, height, width), of any size.
        settings: Of every layer; C1 and C2 are each layer's own.
        layer_decay: GWRP's d over the layers of an image, in [0, 1]; 0 takes the worst layer.

    Returns:
        The layers' losses pooled for every image; background and foreground are their means over
        layers.

    Raises:
        InputError: If there is no layer or one has no settings, a layer has no rows and columns, or
            ``heatmap_loss`` refuses it.
    """
    missing = [name for name in heatmaps if name not in settings]
    if missing or not heatmaps:
        raise InputError(
            f"settings must have every layer of {list(heatmaps)}, got {list(settings)}"
        )
    scored = [
        heatmap_loss(maps, resize_masks(lung_masks, maps, name), settings=settings[name])
        for name, maps in heatmaps.items()
    ]
    with torch.autocast(lung_masks.device.type, enabled=False):
        per_image = gwrp(
            torch.stack([layer.per_image for layer in scored], dim=1), decay=layer_decay
        )
    return HeatmapLoss(
        total=mean_of_scored(per_image, scored[0].is_scored),
        background=torch.stack([layer.background for layer in scored]).mean(),
        foreground=torch.stack([layer.foreground for layer in scored]).mean(),
        per_image=per_image,
        is_scored=scored[0].is_scored,
    )


def resize_masks(lung_masks: Tensor, heatmaps: Tensor, layer: str) -> Tensor:
    """Resize masks to a layer's heatmaps: a cell with any lung pixel in it is lung.

    So a mask with lungs keeps some at every size, and a cell at the border, part of whose relevance
    is the lung's, is not taken for background.

    Args:
        lung_masks: (B, M, height, width).
        heatmaps: (B, maps, C, H, W).
        layer: For the message.

    Returns:
        (B, M, H, W).

    Raises:
        InputError: If the layer's output has no rows and columns.
    """
    if heatmaps.dim() != 5:  # noqa: PLR2004  (B, maps, C, H, W)
        raise InputError(
            f"layer {layer!r} gives {tuple(heatmaps.shape)}: expected (B, maps, C, H, W) heatmaps"
        )
    if lung_masks.shape[-2:] == heatmaps.shape[-2:]:
        return lung_masks
    return F.adaptive_max_pool2d(lung_masks.float(), heatmaps.shape[-2:])
