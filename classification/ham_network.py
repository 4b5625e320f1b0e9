"""A network whose class maps are bound to a map of everything abnormal.

After Ouyang et al., *Learning hierarchical attention for weakly-supervised chest X-ray abnormality
localization and diagnosis*, IEEE TMI 2021 (arXiv 2112.12349).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.convolutions import convolutions

SHARPNESS = 6.0  # r of the pooling: 0 is the mean, infinity the maximum
REDUCTION = 8  # of channels, inside the channel attention


@dataclass(frozen=True)
class Maps:
    """What the heads respond to at every place; no graph leads to the heads' weights.

    Attributes:
        anomaly: (B, 1, h, w), float32 or better, at least 0.
        diseases: (B, classes - 1, h, w), of every class but the normal one, in their order.
    """

    anomaly: Tensor
    diseases: Tensor


def sharp_mean(features: Tensor) -> Tensor:
    """Take a mean over places, in which the greatest counts most: (B, F, h, w) to (B, F).

    It is ``(logsumexp(r f) - log(h w)) / r``.
    """
    places = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(2)
    pooled = (SHARPNESS * places).logsumexp(dim=2) - math.log(places.shape[2])
    return pooled / SHARPNESS


class ForegroundAttention(nn.Module):
    """Adds to features one map of where the foreground is, times a weight that starts at 0.

    A channel attention chooses channels by their mean over places that it chose before; what it
    lets through becomes one map, which a position attention weighs.
    """

    def __init__(self, channels: int) -> None:
        """Build for so many channels."""
        super().__init__()
        hidden = max(channels // REDUCTION, 1)
        self.places = nn.Conv2d(channels, 1, 1, bias=False)
        self.channels = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(),
            nn.Linear(hidden, channels, bias=False), nn.Sigmoid(),
        )  # fmt: skip
        self.values = nn.Conv2d(channels, channels, 1, bias=False)
        self.to_map = nn.Conv2d(channels, 1, 1, bias=False)
        self.positions = nn.Sequential(
            nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid()
        )
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, F, h, w) to features of the same shape."""
        shares = self.places(features).flatten(2).softmax(dim=2)
        chosen = (features.flatten(2) * shares).sum(dim=2)
        attended = self.values(features) * self.channels(chosen)[:, :, None, None]
        foreground = self.to_map(attended)
        result: Tensor = features + self.weight * foreground * self.positions(foreground)
        return result


class HamNetwork(nn.Module):
    """Maps images to class logits; with the maps behind them where these are asked for.

    The logit of the normal class is minus that of "abnormal".
    """

    def __init__(self, *, classes: int, normal: int, widths: Sequence[int], units: int) -> None:
        """Build the network.

        Args:
            classes: Class logits, the normal class's among them.
            normal: Index of the normal class.
            widths: Channels of each level; every one halves the resolution.
            units: Channels that the heads read; the foreground module has a quarter of the last
                level's.
        """
        super().__init__()
        self._normal = normal
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]), nn.ReLU(),
        )  # fmt: skip
        self.levels = nn.Sequential(
            *(
                convolutions(before, width, count=2, halve=True)
                for before, width in pairwise(widths)
            )
        )
        inner = max(widths[-1] // 4, 1)
        self.foreground = nn.Sequential(
            nn.Conv2d(widths[-1], inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner),
            ForegroundAttention(inner),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner),
        )  # fmt: skip
        self.join = nn.Sequential(
            convolutions(widths[-1] + inner, units, count=1, halve=False), nn.Dropout2d(0.1)
        )
        self.anomaly = nn.Linear(units, 1, bias=False)
        self.diseases = nn.Linear(units, classes - 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, H, W) to class logits (B, classes)."""
        return self._logits(self._features(images))

    def classify_and_map(self, images: Tensor) -> tuple[Tensor, Maps]:
        """Map images (B, 1, H, W) to class logits (B, classes) and to the heads' maps."""
        features = self._features(images)
        return self._logits(features), Maps(
            _respond(features, self.anomaly), _respond(features, self.diseases)
        )

    def _features(self, images: Tensor) -> Tensor:
        """Return what the heads read, (B, units, h, w)."""
        features = self.levels(self.stem(images))
        joined: Tensor = self.join(torch.cat([features, self.foreground(features)], dim=1))
        return joined

    def _logits(self, features: Tensor) -> Tensor:
        pooled = sharp_mean(features)
        diseases = self.diseases(pooled)
        before, behind = diseases[:, : self._normal], diseases[:, self._normal :]
        return torch.cat([before, -self.anomaly(pooled), behind], dim=1)


def _respond(features: Tensor, head: nn.Linear) -> Tensor:
    """Return where ``head`` is positive, (B, its outputs, h, w); its weights are constants."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        weight = head.weight.detach()[:, :, None, None].to(dtype)
        return F.conv2d(features.to(dtype), weight).relu()
