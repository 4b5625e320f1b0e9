"""Outline only: a control that sees the lungs' outline, and of the image nothing.

What it knows of the class is told by size, shape and place of the lungs, and by what the segmenter
made of them. No exchange of backgrounds takes that from a classifier, and none of its heatmaps
shows it: the outline is inside the lungs.
"""

from dataclasses import dataclass

from torch import Tensor

from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Objective


@dataclass(frozen=True)
class OutlineOnlySettings:
    """The control has no settings of its own."""


class OutlineOnly(Method[OutlineOnlySettings]):
    """Train by the class loss on lung masks in place of images."""

    settings = OutlineOnlySettings

    def needs(self, own: OutlineOnlySettings) -> Needs:
        """Need masks everywhere."""
        return Needs(lung_masks_in_training=True, lung_masks_at_run_time=True)

    def as_seen(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return the masks, 1 in the lungs."""
        return masks.to(images.dtype)

    def build(self, setup: Setup[OutlineOnlySettings]) -> Objective:
        """Return the class loss."""
        return ClassObjective(setup.network, setup.class_weights)


METHODS.register("outline_only", OutlineOnly())
