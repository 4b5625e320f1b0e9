"""Background only: a control that never sees the lungs, in training or at run time.

What it knows of the class needs no lungs. It is trained beside the classifiers of every study, with
their network and budget; images that it gets wrong are those whose background misleads.
"""

from dataclasses import dataclass

from torch import Tensor

from isnet_cxr.classification.backgrounds import outside_lungs
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Objective


@dataclass(frozen=True)
class BackgroundOnlySettings:
    """The control has no settings of its own."""


class BackgroundOnly(Method[BackgroundOnlySettings]):
    """Train by the class loss on images whose lungs are erased."""

    settings = BackgroundOnlySettings

    def needs(self, own: BackgroundOnlySettings) -> Needs:
        """Need masks everywhere."""
        return Needs(lung_masks_in_training=True, lung_masks_at_run_time=True)

    def as_seen(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return what lies outside the lungs."""
        return outside_lungs(images, masks)

    def build(self, setup: Setup[BackgroundOnlySettings]) -> Objective:
        """Return the class loss."""
        return ClassObjective(setup.network, setup.class_weights)


METHODS.register("background_only", BackgroundOnly())
