"""Sononet with attention gates: maps on two scales weigh the features before they are pooled.

Schlemper et al., *Attention gated networks*, Medical Image Analysis 2019
(doi:10.1016/j.media.2019.01.012). Five stages of 3 x 3 convolutions, each at half the resolution of
the one before. The features of the last stage are the gating signal: with them a gate chooses
places among the features of the third and of the fourth stage.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.convolutions import convolutions

REPEATS = (3, 3, 3, 2, 2)  # convolutions of each stage
GATES = ("third_gate", "fourth_gate")
"""Names of the layers whose output multiplies features."""

EPS = 1e-6  # of every place, before the division; a map without differences becomes an even one


def mean_flow(strengths: Tensor) -> Tensor:
    """Turn strengths into shares: the least is subtracted, then the sum divided by.

    Args:
        strengths: (B, 1, h, w).

    Returns:
        float32 or better, in [0, 1], the sum over an image's places is 1; equal shares where all
        strengths are equal.
    """
    strengths = strengths.to(torch.promote_types(strengths.dtype, torch.float32))
    above = strengths - strengths.amin(dim=(2, 3), keepdim=True) + EPS
    return above / above.sum(dim=(2, 3), keepdim=True)


class AttentionGate(nn.Module):
    """Says, for every place of some features, which share of attention it gets.

    ``mean_flow(psi(ReLU(theta(features) + enlarged(phi(signal)))))``, 1 x 1 convolutions without
    biases: that of psi would be subtracted again.
    """

    def __init__(self, features: int, signal: int) -> None:
        """Build for so many channels of the features and of the gating signal."""
        super().__init__()
        self.theta = nn.Conv2d(features, features, 1, bias=False)
        self.phi = nn.Conv2d(signal, features, 1, bias=False)
        self.relu = nn.ReLU()
        self.psi = nn.Conv2d(features, 1, 1, bias=False)

    def forward(self, features: Tensor, signal: Tensor) -> Tensor:
        """Map features (B, F, h, w) and a coarser signal (B, G, i, j) to shares (B, 1, h, w)."""
        height, width = features.shape[2:]
        enlarged = F.interpolate(
            self.phi(signal), (height, width), mode="bilinear", align_corners=False
        )
        return mean_flow(self.psi(self.relu(self.theta(features) + enlarged)))


class Sononet(nn.Module):
    """Maps images to class logits, from attended features of two scales and the mean of a third."""

    def __init__(self, *, classes: int, widths: Sequence[int], deep: bool) -> None:
        """Build the network.

        Args:
            classes: Class logits.
            widths: Channels of the five stages.
            deep: Whether each scale gets a head of its own beside the one that reads all three.
        """
        super().__init__()
        self.stages = nn.ModuleList(
            convolutions(before, width, count=count, halve=number > 0)
            for number, ((before, width), count) in enumerate(
                zip(pairwise([1, *widths]), REPEATS, strict=True)
            )
        )
        scales = widths[2:]
        self.third_gate = AttentionGate(scales[0], scales[2])
        self.fourth_gate = AttentionGate(scales[1], scales[2])
        self.head = nn.Linear(sum(scales), classes)
        self.deep_heads: nn.ModuleList | None = None  # an empty list would be a layer to explain
        if deep:
            self.deep_heads = nn.ModuleList(nn.Linear(width, classes) for width in scales)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, H, W), H and W at least 16, to class logits (B, classes)."""
        logits: Tensor = self.head(torch.cat(self._pooled(images), dim=1))
        return logits

    def classify_by_scale(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return class logits (B, classes), and those of every scale's own head, if there are."""
        pooled = self._pooled(images)
        heads = zip(self.deep_heads or (), pooled, strict=False)  # there may be none
        return self.head(torch.cat(pooled, dim=1)), [head(part) for head, part in heads]

    def _pooled(self, images: Tensor) -> list[Tensor]:
        """Sum attended features of each scale over places, average the last's, (B, width).

        A sum, since the shares of a map sum to one.
        """
        levels, features = [], images
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        third, fourth, signal = levels[2:]
        return [
            (third * self.third_gate(third, signal)).sum(dim=(2, 3)),
            (fourth * self.fourth_gate(fourth, signal)).sum(dim=(2, 3)),
            signal.mean(dim=(2, 3)),
        ]
