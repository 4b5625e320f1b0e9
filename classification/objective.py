"""What a training step minimises, and what every method's terms are made of."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Images, lung masks and labels of one step.

    Attributes:
        images: (B, 1, H, W) in [0, 1].
        masks: (B, 1, H, W), 1 in the lungs; all 0 where no mask is known.
        labels: Class indices, (B,).
        groups: Class and hospital of each image as one index, (B,); None where nobody counts them.
    """

    images: Tensor
    masks: Tensor
    labels: Tensor
    groups: Tensor | None = None


Terms = dict[str, Tensor]
"""Named scalars of one step, and "logits" (B, C).

"loss" is the whole loss; with a "heatmap_loss" it is ``(1 - P) * class_loss + P * heatmap_loss``
and "heatmap_weight" is P.
"""


class Objective(ABC):
    """Scores batches with a network; what it must remember from step to step is in ``state``.

    Attributes:
        state: Buffers that a checkpoint keeps, so that a resumed training goes on alike.
        measured: What was measured before the training, as plain values; the package keeps it.
    """

    def __init__(self, *, state: nn.Module | None = None) -> None:
        """Start with ``state``, or with nothing to remember."""
        self.state = nn.Module() if state is None else state
        self.measured: dict[str, Any] = {}

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Score a training batch.

        Args:
            batch: Augmented, and as the network sees it.
            progress: Of the training, 0 to 1.
            generator: Source of all randomness of the step, on the CPU.
        """
        return self.validation_terms(batch)

    @abstractmethod
    def validation_terms(self, batch: Batch) -> Terms:
        """Score a validation batch, the same way throughout the training."""

    def loss_to_differentiate(self, terms: Terms, parameters: Sequence[nn.Parameter]) -> Tensor:
        """Return the scalar whose gradient is taken; may add to ``terms`` what it measures."""
        return terms["loss"]


def class_loss(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Cross-entropy of ``logits`` (B, C) in float32, each image weighted by its class's weight.

    The mean over images, not over weights: a batch of frequent classes counts for less.
    """
    weights = class_weights.to(logits.device)
    losses = F.cross_entropy(logits.float(), labels, reduction="none")
    return (losses * weights[labels]).mean()


def share_inside_lungs(heatmaps: Tensor, masks: Tensor) -> Tensor:
    """Share of absolute relevance inside the lungs, per map.

    Args:
        heatmaps: (B, maps, C, H, W).
        masks: (B, 1, H, W).

    Returns:
        (B, maps), 1 when all relevance is inside; 0 when there is no relevance at all.
    """
    relevance = heatmaps.abs()
    inside = (relevance * masks.unsqueeze(1)).flatten(2).sum(dim=2)
    return inside / relevance.flatten(2).sum(dim=2).clamp_min(1e-20)
