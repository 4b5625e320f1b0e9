"""ISNet: the class loss and a loss on the relevance outside the lungs (``docs/method.md``)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from isnet_cxr.classification.balance import GradientBalance
from isnet_cxr.classification.calibration import (
    Ranges,
    measure_relevance,
    read_ranges,
    write_ranges,
)
from isnet_cxr.classification.consistency import symmetric_kl
from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.losses import HeatmapLossSettings, deep_heatmap_loss
from isnet_cxr.classification.lrp.conventions import PIXELS
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import (
    Batch,
    Objective,
    Terms,
    class_loss,
    share_inside_lungs,
)
from isnet_cxr.classification.variants import build_explainer, check_layers
from isnet_cxr.data.learning import processes

CALIBRATION_IMAGES = 256
"""Training images whose relevance gives C1 and C2."""


class IsnetObjective(Objective):
    """``(1 - P) * class loss + P * heatmap loss`` on a fraction of every batch.

    The explained images go forward by themselves, recorded; the others as in baseline training.
    """

    def __init__(
        self,
        network: nn.Module,
        class_weights: Tensor,
        settings: IsnetSettings,
        *,
        epsilon: float = 5e-2,
        foreground_ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Prepare to explain ``network``, whose ``state_dict`` stays what it was.

        Args:
            network: To be trained.
            class_weights: (C,), make rare classes count.
            settings: Of the training; the explained classes, layers and rules among them.
            epsilon: Stabiliser of LRP-epsilon; 0 is LRP-0 and, with the first rule "epsilon",
                gradient x input.
            foreground_ranges: C1 and C2 by supervised layer, "pixels" for the images' own; layers
                that are missing have the published fallback.
        """
        super().__init__(state=GradientBalance(every=settings.gradients_every))
        self._network = network
        self._exchange = settings.exchanger
        self._explainer = build_explainer(network, settings, epsilon=epsilon)
        self._class_weights = class_weights
        self._settings = settings
        ranges = foreground_ranges or {}
        loss_settings = HeatmapLossSettings(
            decay=settings.decay,
            background_weight=settings.background_weight,
            foreground_weight=settings.foreground_weight,
            foreground_form=settings.foreground_form,
            empty_masks="skip",  # augmentation may move the lungs out of an image
        )
        fallback = settings.foreground_range or loss_settings.foreground_range
        self._loss_settings = {
            name: replace(loss_settings, foreground_range=ranges.get(name, fallback))
            for name in (PIXELS, *settings.deep_layers)
        }

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the whole loss, its terms, and where the relevance lies."""
        images = self._exchange(batch.images, batch.masks, generator=generator)
        batch, given = replace(batch, images=images), batch
        weight = self._settings.heatmap_weight(progress)
        chosen = self._choose_images(batch)
        others = torch.ones(len(batch.images), dtype=torch.bool)
        others[chosen] = False
        rest = others.nonzero().flatten()
        parts = []
        terms: Terms = {}
        if len(chosen):
            recorded, terms = self._explain(batch, chosen, generator=generator)
            parts.append(recorded)
        if len(rest):
            parts.append(self._network(batch.images[rest]))
        logits = torch.cat(parts)[torch.cat([chosen, rest]).argsort()]
        if not len(chosen) and processes.count() > 1:
            terms = {"heatmap_loss": 0 * logits.sum()}  # the others have one, and average gradients
        terms |= self._class_terms(given, logits, generator=generator)
        terms["loss"] = (1 - weight) * terms["class_loss"]
        if "heatmap_loss" in terms:
            terms["loss"] = terms["loss"] + weight * terms["heatmap_loss"]
            terms["heatmap_weight"] = torch.tensor(weight)
        return {**terms, "logits": logits}

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

    def loss_to_differentiate(self, terms: Terms, parameters: Sequence[nn.Parameter]) -> Tensor:
        """Return both losses, each clipped by itself; see ``GradientBalance``."""
        if "heatmap_loss" not in terms:
            return terms["loss"]
        loss: Tensor = self.state(terms, list(parameters))
        return loss

    def _class_terms(self, given: Batch, logits: Tensor, *, generator: torch.Generator) -> Terms:
        """Return the class loss of ``logits``; with consistency, that of a second exchange too.

        The class loss then holds what the two exchanges of ``given`` disagree about.
        """
        loss = class_loss(logits, given.labels, self._class_weights)
        if not self._settings.consistency:
            return {"class_loss": loss}
        images = self._exchange(given.images, given.masks, generator=generator)
        again = self._network(images)
        apart = symmetric_kl(logits, again)
        both = (loss + class_loss(again, given.labels, self._class_weights)) / 2
        total = both + self._settings.consistency * apart
        return {"class_loss": total, "consistency_loss": apart.detach()}

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


class Isnet(Method[IsnetSettings]):
    """Train by class loss and heatmap loss, backgrounds exchanged in part of the images."""

    settings = IsnetSettings

    def needs(self, own: IsnetSettings) -> Needs:
        """Need masks in training, unless images without lungs may be skipped."""
        return Needs(lung_masks_in_training=own.empty_masks != "skip")

    def needs_check(self, own: IsnetSettings) -> bool:
        """Look at the network where hidden layers are named."""
        return bool(own.deep_layers)

    def check(self, network: nn.Module, own: IsnetSettings) -> None:
        """Refuse hidden layers that the network does not have."""
        check_layers(network, own.deep_layers)

    def build(self, setup: Setup[IsnetSettings]) -> Objective:
        """Measure C1 and C2 where they are not given, and return both losses."""
        own, epsilon = setup.own, setup.settings.epsilon
        layers = (PIXELS, *own.deep_layers)
        build_explainer(setup.network, own, epsilon=epsilon).restore()  # refuses before hours
        if own.foreground_range is not None:
            ranges: Ranges = dict.fromkeys(layers, own.foreground_range)
        else:
            ranges = read_ranges(setup.folder) or _calibrate(setup)
        objective = IsnetObjective(
            setup.network, setup.class_weights, own, epsilon=epsilon, foreground_ranges=ranges
        )
        objective.measured["foreground_range"] = list(ranges[PIXELS])
        if own.deep_layers:
            objective.measured["deep_foreground_ranges"] = {
                name: list(ranges[name]) for name in own.deep_layers
            }
        return objective


def _calibrate(setup: Setup[IsnetSettings]) -> Ranges:
    """Measure C1 and C2 of every supervised layer on a short training by the class loss.

    The network gets its first weights back.
    """
    network = setup.network
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    setup.train_first(ClassObjective(network, setup.class_weights), setup.own.calibration_epochs)
    relevance = measure_relevance(
        network, setup.rows, setup.own,
        epsilon=setup.settings.epsilon, batch_size=setup.settings.batch_size,
        images=CALIBRATION_IMAGES, seed=setup.seed,
    )  # fmt: skip
    network.load_state_dict(initial)
    return write_ranges(setup.folder, relevance)


METHODS.register("isnet", Isnet())
