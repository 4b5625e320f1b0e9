"""A U-Net with two heads: its encoder's features tell the class, its decoder finds the lungs.

The U-Net of Ronneberger, Fischer, Brox 2015 (doi:10.1007/978-3-319-24574-4_28) with a class head at
the bottleneck, small enough for CPUs.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

POOLED = 4  # the class head sees the bottleneck as so many rows and columns


class MultitaskUNet(nn.Module):
    """Maps images to class logits; to lung logits too where they are asked for.

    The decoder has no part in ``forward``, so that it never runs for a prediction or a heatmap, and
    the class logits are the same without it. Its layers have no batch norm, whose statistics
    nothing would update in a forward pass.
    """

    def __init__(self, *, classes: int, widths: Sequence[int], units: int) -> None:
        """Build the network.

        Args:
            classes: Class logits.
            widths: Channels of each level; every level after the first halves the resolution.
            units: Of the class head's hidden layer.
        """
        super().__init__()
        before = [1, *widths[:-1]]
        self.encoder = nn.ModuleList(
            _level(given, width, halve=number > 0, norm=True)
            for number, (given, width) in enumerate(zip(before, widths, strict=True))
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(POOLED), nn.Flatten(),
            nn.Linear(widths[-1] * POOLED**2, units), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(units, classes),
        )  # fmt: skip
        upwards = list(widths[::-1])
        self.decoder = nn.ModuleList(
            _level(deep + skipped, skipped, halve=False, norm=False)
            for deep, skipped in pairwise(upwards)
        )
        self.lungs = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, H, W) to class logits (B, classes), by encoder and head alone."""
        logits: Tensor = self.head(self._encode(images)[-1])
        return logits

    def classify_and_segment(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (B, 1, H, W) to class logits (B, classes) and lung logits (B, 1, H, W)."""
        levels = self._encode(images)
        features = levels.pop()
        logits = self.head(features)
        for merge, skipped in zip(self.decoder, reversed(levels), strict=True):
            height, width = skipped.shape[2:]
            enlarged = F.interpolate(features, size=(height, width))
            features = merge(torch.cat([enlarged, skipped], dim=1))
        return logits, self.lungs(features)

    def _encode(self, images: Tensor) -> list[Tensor]:
        """Return each level's features, the finest first."""
        features, levels = images, []
        for level in self.encoder:
            features = level(features)
            levels.append(features)
        return levels


def _level(before: int, after: int, *, halve: bool, norm: bool) -> nn.Sequential:
    """Stack two convolutions with ReLU, behind max pooling if they are to ``halve``."""
    layers: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    for given in (before, after):
        layers.append(nn.Conv2d(given, after, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(after)] if norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)
