"""Images with another image's background: the lungs keep what they show, the rest says nothing."""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

SEAM_PX = 3
"""Width of the seam around both images' lungs, in which one background fades into the other."""


def exchange_backgrounds(
    images: Tensor, masks: Tensor, *, share: float, generator: torch.Generator
) -> Tensor:
    """Give some images of a batch the background of another one.

    Only what is background in both images is exchanged. Where the other image has its lungs, an
    image keeps its own background: the other's disease must not be seen beside the lungs. The seam
    is soft, so that it does not draw the lungs' outline.

    Args:
        images: (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W), float.
        share: Chance of each image, in [0, 1]; an image is left alone when it or its partner has no
            lung pixels.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images, (B, 1, H, W); pixels inside each image's own mask are its own.
    """
    count = len(images)
    if count < 2 or share <= 0:  # noqa: PLR2004  an image alone has no other
        return images
    chosen = (torch.rand(count, generator=generator) < share).to(images.device)
    step = int(torch.randint(1, count, (1,), generator=generator))
    has_lungs = masks.flatten(1).any(dim=1)
    chosen &= has_lungs & has_lungs.roll(step)
    outside = 1 - torch.maximum(masks, masks.roll(step, dims=0))
    weight = fade(outside) * chosen[:, None, None, None]
    return torch.lerp(images, images.roll(step, dims=0), weight)


def fade(outside: Tensor) -> Tensor:
    """Return 0 where ``outside``, (B, 1, H, W), is 0, rising to 1 over the seam beyond it."""
    near = F.avg_pool2d(
        outside, 2 * SEAM_PX + 1, stride=1, padding=SEAM_PX, count_include_pad=False
    )
    return (2 * near - 1).clamp(min=0) * outside
