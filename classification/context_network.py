"""A small classifier for CPUs that sees finely and widely at once, so that it can tell lung.

Relevance stays inside the lungs when what a unit sees of the image lies there. At 128 px a lung is
30 px wide: a stack of convolutions deep enough to know where it is sees far more than that, and
spreads its relevance over all it sees. Here the fine path sees 15 px. A wide path, at an eighth of
its resolution, knows the place; joined to the fine one it can switch units off outside the lungs,
and a unit that is off has no relevance (``docs/method.md``).
"""

import torch
from torch import Tensor, nn

FINE, MIDDLE, WIDE = 48, 64, 96  # channels
JOINED = (96, 128)


class ContextNet(nn.Module):
    """Fine, middle and wide features joined at a quarter of the image's resolution."""

    def __init__(self, *, classes: int) -> None:
        """Build with ``classes`` logits."""
        super().__init__()
        self.fine = nn.Sequential(
            *_convolution(1, FINE // 2, size=5, stride=2),
            nn.MaxPool2d(2),
            *_convolution(FINE // 2, FINE, size=3),
        )
        self.middle = nn.Sequential(nn.MaxPool2d(2), *_convolution(FINE, MIDDLE, size=3))
        self.wide = nn.Sequential(
            nn.MaxPool2d(2),
            *_convolution(MIDDLE, WIDE, size=3),
            *_convolution(WIDE, WIDE, size=3),
        )
        self.enlarge_middle = nn.Upsample(scale_factor=2)
        self.enlarge_wide = nn.Upsample(scale_factor=4)
        self.join = nn.Sequential(
            *_convolution(FINE + MIDDLE + WIDE, JOINED[0], size=1),
            *_convolution(JOINED[0], JOINED[1], size=1),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(JOINED[1], classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, H, W), H and W multiples of 16, to logits (B, classes)."""
        fine = self.fine(images)
        middle = self.middle(fine)
        wide = self.wide(middle)
        seen = torch.cat([fine, self.enlarge_middle(middle), self.enlarge_wide(wide)], dim=1)
        logits: Tensor = self.head(self.join(seen))
        return logits


def _convolution(before: int, after: int, *, size: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]
