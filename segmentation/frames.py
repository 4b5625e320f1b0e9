"""Random frames around training images.

A digitised image or a cropped export has a white or black frame, and the air beside the body then
lies inside the image like a lung does. A network that never saw one takes that air for lung.
"""

import torch
from torch import Tensor

WIDEST = 0.06  # of the image's size
WHITE_SHARE = 0.5  # of the frames; the others are of any grey


def add_frames(
    images: Tensor, masks: Tensor, *, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Lay a frame of one grey over a share of the images; its four sides differ in width.

    Args:
        images: Images in [0, 1], (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W).
        share: Probability that an image gets a frame.
        generator: Source of all randomness, on the CPU.

    Returns:
        PreparedImages, and masks without what the frames cover; same shapes.
    """
    count, _, height, width = images.shape
    framed = torch.rand(count, generator=generator) < share
    sides = torch.rand(count, 4, generator=generator) * WIDEST * framed[:, None]
    white = torch.rand(count, generator=generator) < WHITE_SHARE
    grey = torch.where(white, 1.0, torch.rand(count, generator=generator))
    rows = _between(sides[:, 0], 1 - sides[:, 1], size=height)[:, None, :, None]
    columns = _between(sides[:, 2], 1 - sides[:, 3], size=width)[:, None, None, :]
    seen = (rows & columns).to(images.device)
    grey = grey.to(images.device)[:, None, None, None]
    return torch.where(seen, images, grey), torch.where(seen, masks, 0.0)


def _between(first: Tensor, last: Tensor, *, size: int) -> Tensor:
    """Tell which pixels' centres lie between two positions in [0, 1]: (B, size) from (B,)."""
    centres = (torch.arange(size) + 0.5) / size
    return (centres >= first[:, None]) & (centres <= last[:, None])
