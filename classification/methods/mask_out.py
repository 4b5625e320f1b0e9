"""Mask-out: in training, the background of some images is grey; at run time nothing is masked.

Unlike masked input the network then meets backgrounds that it never learned from. The published
relatives are Only-FG (Xiao et al., ICLR 2021) and the constant backgrounds of BackMix's paper.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isnet_cxr.classification.backgrounds import without_background
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class MaskOutSettings:
    """How much is masked.

    Attributes:
        share: Part of the training images whose background is erased, in [0, 1].
        grey: What it becomes, in [0, 1].
    """

    share: float = 0.8
    grey: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is not in [0, 1].
        """
        require("share", self.share, at_least=0, at_most=1)
        require("grey", self.grey, at_least=0, at_most=1)


class MaskOutObjective(ClassObjective):
    """The class loss on images some of which show lungs alone."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: MaskOutSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the class loss of the changed batch."""
        chosen = torch.rand(len(batch.images), generator=generator) < self._own.share
        erased = without_background(batch.images, batch.masks, grey=self._own.grey)
        each = chosen.to(batch.images.device)[:, None, None, None]
        return self.validation_terms(replace(batch, images=torch.where(each, erased, batch.images)))


class MaskOut(Method[MaskOutSettings]):
    """Train by the class loss on images some of which show lungs alone."""

    settings = MaskOutSettings

    def needs(self, own: MaskOutSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[MaskOutSettings]) -> Objective:
        """Return the class loss."""
        return MaskOutObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("mask_out", MaskOut())
