"""Consistency: the same lungs before two backgrounds, one answer.

Every image is seen twice, each time with another background; the class loss is taken on both, and
what the two views disagree about is added. At run time the network is a baseline's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isnet_cxr.classification.consistency import Place, two_views
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.exchange import ExchangeSettings
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class ConsistencySettings(ExchangeSettings):
    """How the two views are made, and how much their disagreement counts.

    Attributes:
        share: Part of the images of each view whose background is another image's, in [0, 1].
        partners: As of ``exchange``.
        margin: As of ``exchange``.
        weight: Of the disagreement, beside the class loss.
        place: Where the views are to agree: "logits", or "before_relu", in units of each layer's
            own activations at the lungs.
    """

    share: float = 0.9
    partners: int = 4
    weight: float = 1.0
    place: Place = "logits"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        super().__post_init__()
        require("weight", self.weight, at_least=0)


class ConsistencyObjective(ClassObjective):
    """The class loss on two views, and what they disagree about."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: ConsistencySettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the whole loss and its terms."""
        exchange = self._own.exchanger
        one, other = (
            exchange(batch.images, batch.masks, generator=generator) for _ in ("one", "other")
        )
        logits, again, apart = two_views(
            self._network, one, other, batch.masks, place=self._own.place
        )
        loss = (
            class_loss(logits, batch.labels, self._class_weights)
            + class_loss(again, batch.labels, self._class_weights)
        ) / 2
        total = loss + self._own.weight * apart
        return {"loss": total, "class_loss": loss, "consistency_loss": apart, "logits": logits}


class Consistency(Method[ConsistencySettings]):
    """Train by the class loss on two views that must agree."""

    settings = ConsistencySettings

    def needs(self, own: ConsistencySettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[ConsistencySettings]) -> Objective:
        """Return both losses."""
        return ConsistencyObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("consistency", Consistency())
