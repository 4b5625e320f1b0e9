"""Images without their background, or without their lungs."""

import torch
from torch import Tensor

from isnet_cxr.classification.backgrounds.patchwork import widen

RIM = 0.02
"""Part of the height by which lungs are widened before they are erased: masks are cut tight."""


def without_background(images: Tensor, masks: Tensor, *, grey: float | Tensor = 0.0) -> Tensor:
    """Return the lungs of (B, 1, H, W) on ``grey``; images without lung pixels as they are."""
    has_lungs = masks.flatten(1).any(dim=1)[:, None, None, None]
    return torch.where(
        (masks > 0) | ~has_lungs, images, torch.as_tensor(grey, device=images.device)
    )


def outside_lungs(images: Tensor, masks: Tensor) -> Tensor:
    """Return (B, 1, H, W) with the lungs and a rim of ``RIM`` around them black.

    The outline of what was erased still tells the lungs' size and shape, nothing else of them.
    Images without lung pixels become black: where their lungs are is not known.
    """
    has_lungs = masks.flatten(1).any(dim=1)[:, None, None, None]
    return images * (1 - widen(masks, RIM)) * has_lungs
