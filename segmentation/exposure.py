"""Uneven exposure and harsh local contrast, as portable machines and their software make them.

``isnet_cxr.data.learning.augment`` changes the whole image alike; this changes it by place.
"""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

COARSE_PX = 8  # local contrast is judged at this step
SHADES = 4  # brighter and darker places along each side


def expose_unevenly(images: Tensor, *, most: float, generator: torch.Generator) -> Tensor:
    """Add a slowly varying grey to images, and strengthen or flatten their local contrast.

    Args:
        images: Images in [0, 1], (B, 1, H, W). Pure black, the padding, stays.
        most: Largest standard deviation of the added grey, and a fifth of the largest relative
            change of local contrast.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images in [0, 1], same shape.
    """
    size = (images.shape[-2], images.shape[-1])
    strength = torch.rand(len(images), 2, 1, 1, generator=generator).to(images.device) * most
    shades = torch.randn(len(images), 1, SHADES, SHADES, generator=generator).to(images.device)
    uneven = F.interpolate(shades, size, mode="bicubic", align_corners=False)
    towards = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device)
    local = F.avg_pool2d(images, COARSE_PX)
    for _ in range(2):
        local = F.avg_pool2d(local, 5, stride=1, padding=2, count_include_pad=False)
    local = F.interpolate(local, size, mode="bilinear", align_corners=False)
    contrast = torch.where(towards < 0.3, -2.0, 5.0) * strength[:, 1:]  # noqa: PLR2004
    changed = images + strength[:, :1] * uneven + contrast * (images - local)
    return torch.where(images > 0, changed.clamp(0, 1), images)
