"""Masked input: the network sees the lungs alone, in training and at run time.

It cannot look elsewhere, but it needs a lung mask for every prediction, and a mask's outline still
tells size and shape.
"""

from dataclasses import dataclass

from torch import Tensor

from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Objective


@dataclass(frozen=True)
class MaskedInputSettings:
    """Masked input has no settings of its own."""


class MaskedInput(Method[MaskedInputSettings]):
    """Train by the class loss on images times their lung masks."""

    settings = MaskedInputSettings

    def needs(self, own: MaskedInputSettings) -> Needs:
        """Need masks everywhere."""
        return Needs(lung_masks_in_training=True, lung_masks_at_run_time=True)

    def as_seen(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return the lungs on black."""
        return images * masks

    def build(self, setup: Setup[MaskedInputSettings]) -> Objective:
        """Return the class loss."""
        return ClassObjective(setup.network, setup.class_weights)


METHODS.register("masked_input", MaskedInput())
