"""Energy pointing loss: the positive evidence for the image's own class must lie in the lungs.

Rao, Boehle, Parchami-Araghi, Schiele, *Studying How to Efficiently and Effectively Guide Models
with Explanations*, ICCV 2023, arXiv 2303.11932:
``CE + weight * (1 - sum over lungs of A+ / sum of A+)``, A+ the positive part of a map A of the
image's own class. A is input x gradient of the class's logit here, one of the published choices.

The term is a share per image, in [0, 1]; its mean is over the images with lungs and some positive
relevance. Differences: published is multi-label, with boxes for the lungs, a term for every present
class and a fine-tuned network; here each image has one class and training starts anew. Negative
relevance is
not looked at, by design: what in the background speaks against a class costs nothing.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from isnet_cxr.classification.input_gradient import explained_sum, logits_and_gradient
from isnet_cxr.classification.losses.heatmap import mean_of_scored
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require

TINY = 1e-20  # less positive relevance than this is none


@dataclass(frozen=True)
class EnergyPointingSettings:
    """How much evidence outside the lungs costs.

    Attributes:
        weight: Of the share outside, beside the class loss; published is 0.001, for fine-tuning.
            Search 0.001, 0.01, 0.1, 1 and 10.
    """

    weight: float = 0.1

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the weight is negative.
        """
        require("weight", self.weight, at_least=0)


def energy_outside(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of positive relevance outside the lungs; a mean over images, 0 if none counts.

    Args:
        maps: Signed relevance, (B, 1, H, W); images without positive relevance do not count.
        masks: 1 in the lungs, (B, 1, H, W); images without lungs do not count.
    """
    energy = maps.clamp_min(0)
    whole = energy.flatten(1).sum(dim=1)
    counts = masks.flatten(1).any(dim=1) & (whole > TINY)
    outside = (energy * (1 - masks)).flatten(1).sum(dim=1)
    share = outside / torch.where(counts, whole, 1)  # no division by 0, in its derivative neither
    return mean_of_scored(share, counts)


class EnergyPointingObjective(ClassObjective):
    """The class loss, and the share of positive evidence outside the lungs; in validation too."""

    def __init__(
        self, network: nn.Module, class_weights: Tensor, own: EnergyPointingSettings
    ) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms."""
        total = partial(explained_sum, labels=batch.labels, explained="true_logit")
        logits, gradient = logits_and_gradient(self._network, batch.images, total)
        with torch.autocast(gradient.device.type, enabled=False):
            outside = energy_outside(batch.images * gradient, batch.masks)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {
            "loss": loss + self._own.weight * outside,
            "class_loss": loss,
            "energy_outside": outside,
            "logits": logits,
        }


class EnergyPointing(Method[EnergyPointingSettings]):
    """Train by the class loss and positive evidence in the lungs alone."""

    settings = EnergyPointingSettings

    def needs(self, own: EnergyPointingSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[EnergyPointingSettings]) -> Objective:
        """Return both losses."""
        return EnergyPointingObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("energy_pointing", EnergyPointing())
