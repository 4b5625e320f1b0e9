"""RRR, right for the right reasons: the input gradient must be small outside the lungs.

Ross, Hughes, Doshi-Velez, *Right for the Right Reasons: Training Differentiable Models by
Constraining their Explanations*, IJCAI 2017, arXiv 1703.03717:
``CE + weight * ((1 - mask) * d/dx sum_c log p_c)^2``.

Reduction of the penalty here: each image's own gradient (of the sum over images, not of the
mean), squared, summed over the background's pixels, then the mean over the images with lungs.
Published code differs: the first authors' sums over images too (one form halves the squares), the
ISNet authors' differentiates the batch's mean, which makes the penalty shrink with 1 / B^2, and
others take the norm without the square. Weights of other publications therefore mean nothing here;
search from 1e-2 to 1e4. The gradient of the class's own logit, the other choice, is reported to
work better than that of log-probabilities.

A penalty on gradients is blind to a background that holds ReLUs off: there is no gradient to see.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from isnet_cxr.classification.input_gradient import (
    Explained,
    explained_sum,
    logits_and_gradient,
)
from isnet_cxr.classification.losses.heatmap import mean_of_scored
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class RrrSettings:
    """What must be small outside the lungs, and how much it counts.

    Attributes:
        weight: Of the penalty, beside the class loss; search 0.01, 0.3, 10, 300 and 1e4.
        explained: Whose gradient is taken: "log_probabilities", summed over the classes
            (published), or "true_logit", the logit of the image's own class.
    """

    weight: float = 10.0
    explained: Explained = "log_probabilities"

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the weight is negative.
        """
        require("weight", self.weight, at_least=0)


def gradient_penalty(gradient: Tensor, masks: Tensor) -> Tensor:
    """Sum of squares outside the lungs, the mean over the images with lungs; 0 if none has any.

    Args:
        gradient: By the pixels, (B, 1, H, W).
        masks: 1 in the lungs, (B, 1, H, W).
    """
    outside = (gradient * (1 - masks)).square().flatten(1).sum(dim=1)
    return mean_of_scored(outside, masks.flatten(1).any(dim=1))


class RrrObjective(ClassObjective):
    """The class loss, and the input gradient outside the lungs; in validation too."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: RrrSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms."""
        total = partial(explained_sum, labels=batch.labels, explained=self._own.explained)
        logits, gradient = logits_and_gradient(self._network, batch.images, total)
        with torch.autocast(gradient.device.type, enabled=False):
            penalty = gradient_penalty(gradient, batch.masks)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {
            "loss": loss + self._own.weight * penalty,
            "class_loss": loss,
            "gradient_penalty": penalty,
            "logits": logits,
        }


class Rrr(Method[RrrSettings]):
    """Train by the class loss and a small input gradient outside the lungs."""

    settings = RrrSettings

    def needs(self, own: RrrSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def build(self, setup: Setup[RrrSettings]) -> Objective:
        """Return both losses."""
        return RrrObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("rrr", Rrr())
