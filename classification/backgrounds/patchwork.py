"""Images whose whole background is composed of several others': none of their own is left.

An exchange with one partner keeps an image's own background where the partner has its lungs, and a
cue beside the lungs mostly lies there. Here those places are filled from the next partner, and
what no partner can give is filled with grey.
"""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

from isnet_cxr.classification.backgrounds.pairs import fade


def compose_backgrounds(
    images: Tensor,
    masks: Tensor,
    *,
    share: float,
    partners: int,
    margin: float = 0.0,
    generator: torch.Generator,
) -> Tensor:
    """Give some images of a batch a background that is composed of other images'.

    Each partner fills what is outside its own lungs and not filled yet; its lungs are never shown.
    All seams are soft. Beyond the seam around an image's own lungs nothing of its own background
    is left: what no partner covers gets the mean grey of the other images' backgrounds.

    Args:
        images: (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W), float.
        share: Chance of each image, in [0, 1]; images without lung pixels are left alone, and give
            nothing to others.
        partners: Other images that a background is composed of; all others where there are fewer.
        margin: The lungs of each batch are widened by up to so much of the images' height, at
            random, before anything is replaced: what a mask cuts off at their rim is mostly kept.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images, (B, 1, H, W); pixels inside each image's own mask are its own.
    """
    count = len(images)
    if count < 2 or share <= 0:  # noqa: PLR2004  an image alone has no other
        return images
    chosen = (torch.rand(count, generator=generator) < share).to(images.device)
    steps = (torch.randperm(count - 1, generator=generator) + 1)[:partners].tolist()
    own = widen(masks, float(torch.rand((), generator=generator)) * margin)
    has_lungs = masks.flatten(1).any(dim=1)
    open_ = fade(1 - own)  # what is to be filled, 0 in the image's own lungs
    left = torch.ones_like(images)  # of that, what no partner has filled yet
    background = torch.zeros_like(images)
    for step in steps:
        gives = fade(1 - masks.roll(step, dims=0)) * _each(has_lungs.roll(step))
        background = background + left * gives * images.roll(step, dims=0)
        left = left * (1 - gives)
    background = background + left * _grey_of_others(images, (1 - masks) * _each(has_lungs))
    return torch.lerp(images, background, open_ * _each(chosen & has_lungs))


def widen(masks: Tensor, part: float) -> Tensor:
    """Widen masks (B, 1, H, W) to all sides by ``part`` of their height."""
    pixels = round(part * masks.shape[-2])
    if pixels < 1:
        return masks
    return F.max_pool2d(masks, 2 * pixels + 1, stride=1, padding=pixels)


def own_background_left(masks: Tensor) -> Tensor:
    """Say how much of its own background an image keeps, per image, (B,).

    The weight of the image's own pixels outside its mask, as part of all pixels outside it: what
    lies in the seam.
    """
    outside = 1 - masks
    own = (1 - fade(outside)) * outside
    return own.flatten(1).sum(dim=1) / outside.flatten(1).sum(dim=1).clamp_min(1)


def _each(chosen: Tensor) -> Tensor:
    """Shape one flag per image, (B,), for (B, 1, H, W)."""
    return chosen[:, None, None, None].float()


def _grey_of_others(images: Tensor, where: Tensor) -> Tensor:
    """Return, for each image, the mean of all others where ``where`` is 1, (B, 1, 1, 1)."""
    sums = (images * where).sum(dim=(1, 2, 3), keepdim=True)
    counts = where.sum(dim=(1, 2, 3), keepdim=True)
    return (sums.sum() - sums) / (counts.sum() - counts).clamp_min(1)
