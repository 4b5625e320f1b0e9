"""Tubes, lines, electrodes and burnt-in marks, laid over training images.

They cross the lungs of those who lie in intensive care and hardly any other. The mask stays.
"""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

LINES, DISCS, BOXES = 3, 4, 2  # of each at most, in an image
THERE = 0.5  # probability of each of them
POINTS = 600  # along a line
DARK_SHARE = 0.15  # of the images; their devices and marks are black, the others' are bright


def add_devices(images: Tensor, *, share: float, generator: torch.Generator) -> Tensor:
    """Lay curved lines, discs and boxes of one grey over a share of the images.

    Args:
        images: Images in [0, 1], (B, 1, H, W).
        share: Probability that an image gets some.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images in [0, 1], same shape.
    """
    count, _, height, width = images.shape
    chosen = torch.rand(count, 1, 1, 1, generator=generator) < share
    cover = torch.maximum(
        _lines(count, (height, width), generator), _shapes(count, (height, width), generator)
    )
    dark = torch.rand(count, 1, 1, 1, generator=generator) < DARK_SHARE
    grey = torch.where(dark, 0.0, 0.5 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator))
    cover, grey = (cover * chosen).to(images.device), grey.to(images.device)
    return images + cover * (grey - images)


def _lines(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Cubic curves, one to three pixels wide, (B, 1, H, W): 1 where they cover, 0 elsewhere."""
    height, width = size
    ends = torch.rand(count, LINES, 4, 2, generator=generator) * 1.2 - 0.1
    along = torch.linspace(0, 1, POINTS)[:, None]
    weights = torch.cat(
        [(1 - along) ** 3, 3 * along * (1 - along) ** 2, 3 * along**2 * (1 - along), along**3], 1
    )
    points = torch.einsum("pk,blkc->blpc", weights, ends)
    rows = (points[..., 0] * height).long()
    columns = (points[..., 1] * width).long()
    there = torch.rand(count, LINES, 1, generator=generator) < THERE
    seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & there
    image = torch.arange(count)[:, None, None].expand_as(rows)
    drawn = torch.zeros(count, 1, height, width)
    drawn[image[seen], 0, rows[seen], columns[seen]] = 1.0
    thick = torch.rand(count, 1, 1, 1, generator=generator) < 0.5  # noqa: PLR2004 - half of them
    drawn = torch.where(thick, F.max_pool2d(drawn, 3, stride=1, padding=1), drawn)
    return drawn * (0.4 + 0.6 * torch.rand(count, 1, 1, 1, generator=generator))


def _shapes(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Discs, as electrodes are, and boxes or frames, as marks are; (B, 1, H, W), 0 to 1."""
    height, width = size
    rows = ((torch.arange(height) + 0.5) / height).view(1, 1, -1, 1)
    columns = ((torch.arange(width) + 0.5) / width).view(1, 1, 1, -1)

    def draw(low: float, high: float, number: int) -> Tensor:
        return low + (high - low) * torch.rand(count, number, 1, 1, generator=generator)

    down, across = rows - draw(0.05, 0.95, DISCS), columns - draw(0.05, 0.95, DISCS)
    discs = ((down**2 + across**2).sqrt() < draw(0.008, 0.03, DISCS)).float()
    discs = discs * (draw(0, 1, DISCS) < THERE)
    down = (rows - draw(0, 1, BOXES)).abs() / draw(0.01, 0.2, BOXES)
    across = (columns - draw(0, 1, BOXES)).abs() / draw(0.01, 0.2, BOXES)
    edge = torch.maximum(down, across)
    hollow = draw(0, 1, BOXES) < 0.7  # noqa: PLR2004 - a frame shows what it frames
    boxes = ((edge < 1) & ~(hollow & (edge < 0.93))).float()  # noqa: PLR2004
    boxes = boxes * (draw(0, 1, BOXES) < THERE / 2)
    return torch.cat([discs, boxes], dim=1).amax(dim=1, keepdim=True)
