"""CoRM: the class must be told in spite of noise in the background.

Heo, Piratla, Wicker, Weller, *Use Perturbations when Learning from Explanations*, NeurIPS 2023,
arXiv 2303.06419; the baseline there that adds noise: ``CE(x) + CE(x + (1 - mask) * noise)``, noise
Gaussian.

Both class losses are means over images, weighted by class; the second one's is over the images with
lungs, since for others the background is not known. ``noise`` is the standard deviation here, in
grey levels from 0 to 1; as published, noisy pixels are not clamped to that range. Batch norm sees
the noisy images in a pass of their own. Validation is the baseline's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class CormSettings:
    """How strong the noise is.

    Attributes:
        noise: Standard deviation, in grey levels from 0 to 1; search 0.03, 0.1, 0.3, 1 and 3.
    """

    noise: float = 0.3

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the noise is negative.
        """
        require("noise", self.noise, at_least=0)


def noisy_background(
    images: Tensor, masks: Tensor, *, noise: float, generator: torch.Generator
) -> Tensor:
    """Add Gaussian noise outside the lungs of images (B, 1, H, W).

    Args:
        images: Of any range.
        masks: 1 in the lungs, of the same shape.
        noise: Standard deviation.
        generator: Source of all randomness, on the CPU.
    """
    drawn = torch.randn(images.shape, generator=generator).to(images)
    return images + noise * drawn * (1 - masks)


class CormObjective(ClassObjective):
    """The class loss on images, and on the same ones with noise in their backgrounds."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: CormSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the sum of both losses, and each."""
        terms = self.validation_terms(batch)
        has_lungs = batch.masks.flatten(1).any(dim=1)
        if not has_lungs.any():
            return terms
        images, masks = batch.images[has_lungs], batch.masks[has_lungs]
        noisy = noisy_background(images, masks, noise=self._own.noise, generator=generator)
        again = class_loss(self._network(noisy), batch.labels[has_lungs], self._class_weights)
        return {**terms, "loss": terms["class_loss"] + again, "noisy_class_loss": again}


class Corm(Method[CormSettings]):
    """Train by the class loss with and without noise in the background."""

    settings = CormSettings

    def needs(self, own: CormSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[CormSettings]) -> Objective:
        """Return both losses."""
        return CormObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("corm", Corm())
