"""Background exchange: the class loss on images whose backgrounds are other images'.

The published relatives are Mixed-Rand (Xiao et al., ICLR 2021) and BackMix (MICCAI 2024). At run
time the network is a baseline's, and needs no mask.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isnet_cxr.classification.backgrounds import exchange_backgrounds
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class ExchangeSettings:
    """How much is exchanged.

    Attributes:
        share: Part of the training images whose background is another image's, in [0, 1].
    """

    share: float = 0.8

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the share is not in [0, 1].
        """
        require("share", self.share, at_least=0, at_most=1)


class ExchangeObjective(ClassObjective):
    """The class loss after an exchange of backgrounds within the batch."""

    def __init__(self, network: nn.Module, class_weights: Tensor, *, share: float) -> None:
        """Score ``network``; ``share`` is each training image's chance of another background."""
        super().__init__(network, class_weights)
        self._share = share

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the class loss of the changed batch."""
        images = exchange_backgrounds(
            batch.images, batch.masks, share=self._share, generator=generator
        )
        return self.validation_terms(replace(batch, images=images))


class Exchange(Method[ExchangeSettings]):
    """Train by the class loss on exchanged backgrounds."""

    settings = ExchangeSettings

    def needs(self, own: ExchangeSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[ExchangeSettings]) -> Objective:
        """Return the class loss with exchange."""
        return ExchangeObjective(setup.network, setup.class_weights, share=setup.own.share)


METHODS.register("exchange", Exchange())
