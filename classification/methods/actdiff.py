"""ActDiff: the same features whatever the background's pixels are.

Viviano, Simpson, Dutil, Bengio, Cohen, *Saliency is a Possible Red Herring When Diagnosing Poor
Generalization*, ICLR 2021, arXiv 1910.00199. Each image is seen again with its background's pixels
permuted, and the features of both are to agree:
``CE(x) + weight * mean over images of || h(x) - h(x~) ||_2``.

The distance is the L2 norm, not squared, over the pooled features that the classifier gets; the
mean is over the images with lungs. As published, the class loss is on the image itself alone,
neither side is detached, both passes run in training mode (batch norm sees permuted images), and
the penalty is off in validation. In the published code the weight only switches the term on;
here it multiplies. There, what was to be kept before ReLUs was overwritten by ReLUs in place; the
pooled features here are what the last linear layer reads, which nothing overwrites.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isnet_cxr.classification.activations import input_of_last_linear, require_layer
from isnet_cxr.classification.backgrounds import permute_background
from isnet_cxr.classification.losses.heatmap import mean_of_scored
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class ActdiffSettings:
    """How much differing features cost.

    Attributes:
        weight: Of the distance, beside the class loss; search 0.01, 0.1, 1, 10 and 100.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            InputError: If the weight is negative.
        """
        require("weight", self.weight, at_least=0)


def feature_distance(one: Tensor, other: Tensor, has_lungs: Tensor) -> Tensor:
    """Mean over the images with lungs of the L2 norm of features' differences; 0 if none has any.

    Args:
        one: (B, F).
        other: (B, F).
        has_lungs: Which images count, (B,).
    """
    apart = torch.linalg.vector_norm((one.float() - other.float()).flatten(1), dim=1)
    return mean_of_scored(apart, has_lungs)


class ActdiffObjective(ClassObjective):
    """The class loss, and the distance to the features before a permuted background."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: ActdiffSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return the whole loss and its terms."""
        permuted = permute_background(batch.images, batch.masks, generator=generator)
        with input_of_last_linear(self._network) as features:
            logits = self._network(batch.images)
            one = features.value
            self._network(permuted)
            other = features.value
        distance = feature_distance(one, other, batch.masks.flatten(1).any(dim=1))
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {
            "loss": loss + self._own.weight * distance,
            "class_loss": loss,
            "feature_distance": distance,
            "logits": logits,
        }


class Actdiff(Method[ActdiffSettings]):
    """Train by the class loss and features that the background does not move."""

    settings = ActdiffSettings

    def needs(self, own: ActdiffSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def needs_check(self, own: ActdiffSettings) -> bool:
        """Look at the network."""
        return True

    def check(self, network: nn.Module, own: ActdiffSettings) -> None:
        """Refuse a network without an ``nn.Linear``."""
        require_layer(network, nn.Linear)

    def build(self, setup: Setup[ActdiffSettings]) -> Objective:
        """Return both losses."""
        return ActdiffObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("actdiff", Actdiff())
