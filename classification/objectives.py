"""What a training step minimises: the class loss alone, or with the heatmap loss (ISNet)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.losses import HeatmapLossSettings, deep_heatmap_loss
from isnet_cxr.classification.lrp.conventions import PIXELS
from isnet_cxr.classification.settings import IsnetSettings
from isnet_cxr.classification.variants import build_explainer


@dataclass(frozen=True)
class Batch:
    """PreparedImages, lung masks and labels of one step.

    Attributes:
        images: (B, 1, H, W) in [0, 1].
        masks: (B, 1, H, W), 1 in the lungs; all 0 where no mask is known.
        labels: Class indices, (B,).
    """

    images: Tensor
    masks: Tensor
    labels: Tensor


Terms = dict[str, Tensor]
"""Named scalars of one step, and "logits" (B, C).

"loss" is the whole loss; with a "heatmap_loss" it is ``(1 - P) * class_loss + P * heatmap_loss``
and "heatmap_weight" is P.
"""


class Objective(Protocol):
    """Scores a batch; holds no weights of its own."""

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Score a training batch at ``progress`` (0 to 1) of the training."""

    def validation_terms(self, batch: Batch) -> Terms:
        """Score a validation batch, the same way throughout the training."""


class PlainObjective:
    """Cross-entropy, weighted by class."""

    def __init__(self, network: nn.Module, class_weights: Tensor) -> None:
        """Score ``network``; ``class_weights`` (C,) make rare classes count."""
        self._network = network
        self._class_weights = class_weights

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the class loss."""
        return self.validation_terms(batch)

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the class loss."""
        logits = self._network(batch.images)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {"loss": loss, "class_loss": loss, "logits": logits}


class IsnetObjective:
    """``(1 - P) * class loss + P * heatmap loss`` on a fraction of every batch.

    The explained images go forward by themselves, recorded; the others as in plain training.
    """

    def __init__(
        self,
        network: nn.Module,
        class_weights: Tensor,
        settings: IsnetSettings,
        loss_settings: HeatmapLossSettings,
        *,
        foreground_ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Prepare to explain ``network``, whose ``state_dict`` stays what it was.

        Args:
            network: To be trained.
            class_weights: (C,), make rare classes count.
            settings: Of the training; the explained classes, layers and rules among them.
            loss_settings: Of the heatmap loss.
            foreground_ranges: C1 and C2 by supervised layer, "pixels" for the images' own; layers
                that are missing have those of ``loss_settings``.
        """
        self._network = network
        self._explainer = build_explainer(network, settings)
        self._class_weights = class_weights
        self._settings = settings
        ranges = foreground_ranges or {}
        self._loss_settings = {
            name: replace(
                loss_settings,
                foreground_range=ranges.get(name, loss_settings.foreground_range),
                empty_masks="skip",  # augmentation may move the lungs out of an image
            )
            for name in (PIXELS, *settings.deep_layers)
        }

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the whole loss, its terms, and where the relevance lies."""
        weight = self._settings.heatmap_weight(progress)
        chosen = self._choose_images(batch)
        others = torch.ones(len(batch.images), dtype=torch.bool)
        others[chosen] = False
        rest = others.nonzero().flatten()
        logits = batch.images.new_zeros(())
        parts, labels = [], []
        terms: Terms = {}
        if len(chosen):
            recorded, terms = self._explain(batch, chosen, generator=generator)
            parts.append(recorded)
            labels.append(batch.labels[chosen])
        if len(rest):
            parts.append(self._network(batch.images[rest]))
            labels.append(batch.labels[rest])
        logits, truth = torch.cat(parts), torch.cat(labels)
        terms["class_loss"] = class_loss(logits, truth, self._class_weights)
        terms["loss"] = (1 - weight) * terms["class_loss"]
        if "heatmap_loss" in terms:
            terms["loss"] = terms["loss"] + weight * terms["heatmap_loss"]
            terms["heatmap_weight"] = torch.tensor(weight)
        order = torch.cat([chosen, rest]).argsort()
        return {**terms, "logits": logits[order]}

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss with the final P.

        What is explained is what training explains; the top class where training draws one.
        """
        with torch.enable_grad():
            explained = self._explainer.explain(
                batch.images, batch.labels, generator=None, differentiable=False
            )
        logits = explained.logits.detach()
        has_lungs = batch.masks.flatten(1).sum(dim=1) > 0
        weight = self._settings.weight_end
        terms = {"class_loss": class_loss(logits, batch.labels, self._class_weights)}
        terms["loss"] = (1 - weight) * terms["class_loss"]
        if has_lungs.any():
            heatmaps = {name: maps[has_lungs] for name, maps in explained.heatmaps.items()}
            scores = self._score(heatmaps, batch.masks[has_lungs])
            terms = {**terms, **scores}
            terms["loss"] = terms["loss"] + weight * scores["heatmap_loss"]
        return {**terms, "logits": logits}

    def _choose_images(self, batch: Batch) -> Tensor:
        """Return the rows to explain: the first of the batch that have lungs, up to the fraction.

        Batches are shuffled, so the first are as good as any.
        """
        count = max(1, round(self._settings.fraction * len(batch.images)))
        return (batch.masks.flatten(1).sum(dim=1) > 0).nonzero().flatten()[:count].cpu()

    def _explain(
        self, batch: Batch, chosen: Tensor, *, generator: torch.Generator
    ) -> tuple[Tensor, Terms]:
        explained = self._explainer.explain(
            batch.images[chosen], batch.labels[chosen], generator=generator
        )
        return explained.logits, self._score(explained.heatmaps, batch.masks[chosen])

    def _score(self, heatmaps: Mapping[str, Tensor], masks: Tensor) -> Terms:
        scored = deep_heatmap_loss(
            heatmaps, masks, settings=self._loss_settings, layer_decay=self._settings.layer_decay
        )
        return {
            "heatmap_loss": scored.total,
            "background_loss": scored.background.detach(),
            "foreground_loss": scored.foreground.detach(),
            "relevance_inside_lungs": share_inside_lungs(heatmaps[PIXELS].detach(), masks).mean(),
        }


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
