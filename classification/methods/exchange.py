"""Background exchange: the class loss on images whose backgrounds are other images'.

The published relative is Mixed-Rand (Xiao et al., ICLR 2021); BackMix has a file of its own. At run
time the network is a baseline's, and needs no mask.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isnet_cxr.classification.backgrounds import Exchanger
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class ExchangeSettings:
    """How much is exchanged.

    Attributes:
        share: Part of the training images whose background is another image's, in [0, 1].
        partners: Images that a background is composed of. 1 exchanges what is background in both
            images of a pair; with more, nothing of an image's own background is left beyond the
            seam around its lungs.
        margin: By how much of the images' height lungs are widened at most, at random, before a
            patchwork replaces what is outside them.
    """

    share: float = 0.8
    partners: int = 1
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("share", self.share, at_least=0, at_most=1)
        require("partners", self.partners, at_least=1)
        require("margin", self.margin, at_least=0, at_most=0.5)

    @property
    def exchanger(self) -> Exchanger:
        """What changes a batch."""
        return Exchanger(self.share, self.partners, self.margin)


class ExchangeObjective(ClassObjective):
    """The class loss after an exchange of backgrounds within the batch."""

    def __init__(self, network: nn.Module, class_weights: Tensor, exchange: Exchanger) -> None:
        """Score ``network`` on batches that ``exchange`` has changed."""
        super().__init__(network, class_weights)
        self._exchange = exchange

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the class loss of the changed batch."""
        images = self._exchange(batch.images, batch.masks, generator=generator)
        return self.validation_terms(replace(batch, images=images))


class Exchange(Method[ExchangeSettings]):
    """Train by the class loss on exchanged backgrounds."""

    settings = ExchangeSettings

    def needs(self, own: ExchangeSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[ExchangeSettings]) -> Objective:
        """Return the class loss with exchange."""
        return ExchangeObjective(setup.network, setup.class_weights, setup.own.exchanger)


METHODS.register("exchange", Exchange())
