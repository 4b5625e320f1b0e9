"""IBP-Ex: the class must be told whatever the background within a box.

Heo, Piratla, Wicker, Weller, *Use Perturbations when Learning from Explanations*, NeurIPS 2023,
arXiv 2303.06419. The background's pixels may change by ``radius`` each; interval bounds give the
worst logits, the lower one of the image's own class and the upper ones of the others:
``a * CE(z) + (1 - a) * CE(worst)``.

Both are means over images, weighted by class; the second is over the images with lungs, since for
others the background is not known. As published the radius grows linearly from 0, a falls from 1 at
the same time, here to ``share``, over the first half of the training, and the box is not cut to the
grey levels that images have. Validation takes the final radius and share. Another published code
gives the cross-entropy softmax's outputs where there are several classes; here it gets the logits.

Bounds pass chains of convolutions, linear layers, ReLU and pooling; a network with anything else,
batch norm and sums among them, is refused, and so are the networks that come with this project.
They are loose in deep networks: keep the radius small.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isnet_cxr.classification.interval_bounds import logit_bounds, plain_layers, worst_logits
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require

GROWING = 0.5  # part of the training over which the radius grows


@dataclass(frozen=True)
class IbpSettings:
    """How large the box is, and how much its worst corner counts.

    Attributes:
        radius: By how much a pixel outside the lungs may differ, in grey levels from 0 to 1;
            search 0.003, 0.01, 0.03, 0.1 and 0.3.
        share: Part of the loss on the images themselves (a), in [0, 1], once the radius has grown;
            the rest is on the worst logits.
    """

    radius: float = 0.03
    share: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("radius", self.radius, at_least=0)
        require("share", self.share, at_least=0, at_most=1)


class IbpObjective(ClassObjective):
    """The class loss on images, and on the worst logits over all backgrounds of a box."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: IbpSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def training_terms(self, batch: Batch, *, progress: float, generator: torch.Generator) -> Terms:
        """Return both losses with the radius of the moment."""
        return self._terms(batch, grown=min(progress / GROWING, 1.0))

    def validation_terms(self, batch: Batch) -> Terms:
        """Return both losses with the final radius."""
        return self._terms(batch, grown=1.0)

    def _terms(self, batch: Batch, *, grown: float) -> Terms:
        terms = super().validation_terms(batch)
        has_lungs = batch.masks.flatten(1).any(dim=1)
        if not has_lungs.any():
            return terms
        images, labels = batch.images[has_lungs], batch.labels[has_lungs]
        radii = grown * self._own.radius * (1 - batch.masks[has_lungs])
        low, high = logit_bounds(self._network, images, radii)
        worst = class_loss(worst_logits(low, high, labels), labels, self._class_weights)
        share = 1 - grown * (1 - self._own.share)
        loss = share * terms["class_loss"] + (1 - share) * worst
        return {
            **terms,
            "loss": loss,
            "worst_class_loss": worst,
            "logit_width": (high - low).detach().mean(),
        }


class Ibp(Method[IbpSettings]):
    """Train by the class loss, at worst over a box of backgrounds."""

    settings = IbpSettings

    def needs(self, own: IbpSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def needs_check(self, own: IbpSettings) -> bool:
        """Look at the network."""
        return True

    def check(self, network: nn.Module, own: IbpSettings) -> None:
        """Refuse a network that bounds cannot pass."""
        try:
            list(plain_layers(network))
        except InputError as error:
            raise InputError(f"network: {error}") from None

    def build(self, setup: Setup[IbpSettings]) -> Objective:
        """Return both losses."""
        self.check(setup.network, setup.own)
        return IbpObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("ibp", Ibp())
