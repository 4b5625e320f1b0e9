"""BackMix as published: the whole background is one other image's, with a hard edge.

Bransby et al., *BackMix: Mitigating Shortcut Learning in Echocardiography with Minimal
Supervision*, MICCAI 2024, arXiv 2406.19148. The other image's own foreground is set to 0, so that
its outline shows where the two masks differ. At run time the network is a baseline's.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class BackmixSettings:
    """How much is exchanged.

    Attributes:
        share: Part of the training images whose background is another image's, in [0, 1];
            published is 1.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the share is not in [0, 1].
        """
        require("share", self.share, at_least=0, at_most=1)


def backmix(images: Tensor, masks: Tensor, *, share: float, generator: torch.Generator) -> Tensor:
    """Put the lungs of images (B, 1, H, W) before another image's background.

    Args:
        images: In [0, 1].
        masks: 1 in the lungs, of the same shape; images without lungs are left alone.
        share: Chance of each image.
        generator: Source of all randomness, on the CPU.
    """
    count = len(images)
    if count < 2:  # noqa: PLR2004  an image alone has no other
        return images
    chosen = (torch.rand(count, generator=generator) < share).to(images.device)
    step = int(torch.randint(1, count, (1,), generator=generator))
    chosen &= masks.flatten(1).any(dim=1)
    background = (images * (1 - masks)).roll(step, dims=0)
    changed = images * masks + background * (1 - masks)
    return torch.where(chosen[:, None, None, None], changed, images)


class BackmixObjective(ClassObjective):
    """The class loss before other images' backgrounds."""

    def __init__(self, network: nn.Module, class_weights: Tensor, share: float) -> None:
        """Score ``network``; ``share`` is each image's chance of another background."""
        super().__init__(network, class_weights)
        self._share = share

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the class loss of the changed batch."""
        images = backmix(batch.images, batch.masks, share=self._share, generator=generator)
        return self.validation_terms(replace(batch, images=images))


class Backmix(Method[BackmixSettings]):
    """Train by the class loss before other images' backgrounds."""

    settings = BackmixSettings

    def needs(self, own: BackmixSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[BackmixSettings]) -> Objective:
        """Return the class loss."""
        return BackmixObjective(setup.network, setup.class_weights, setup.own.share)


METHODS.register("backmix", Backmix())
