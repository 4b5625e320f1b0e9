"""Extended GAIN: the class's map must cover what the class needs, and look like the lungs.

Li, Wu, Peng, Ernst, Fu, *Tell Me Where to Look: Guided Attention Inference Network*, CVPR 2018,
arXiv 1802.10171: ``CE + mining * L_am + weight * L_e``. With A the last maps of the network and w_c
the spatial mean of d z_y / dA_c, the class activation map is ``ReLU(sum_c w_c A_c)``, enlarged to
the image and not normalised. ``L_am`` is the label's probability on the image erased by the map,
``x - x * sigmoid(omega * (map - sigma))``, the mean over images; ``L_e`` is the mean squared error
between map and lung mask, over pixels, then over the images with lungs.

As in the published code the weights w_c are constants: gradients flow through A and through the
second pass. (Users report that with a graph on w_c little moves, and that without one the class
suffers.) Batch norm there takes the erased images into its running statistics; here it does not.
Since the map is not normalised, L_e also fixes its scale.

The maps are the output of the last ``nn.ReLU`` on maps; a network without one is refused.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.activations import last_maps, require_layer
from isnet_cxr.classification.losses.heatmap import mean_of_scored
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.normalization import untouched_statistics
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class GainSettings:
    """How much the map counts; defaults are as published.

    Attributes:
        weight: Of the error between map and lung mask; search 0.1, 1, 10, 100 and 1000.
        mining: Of the label's probability on the erased image (alpha).
        omega: How sharply the map erases.
        sigma: The map's value at which half of a pixel is erased.
    """

    weight: float = 10.0
    mining: float = 1.0
    omega: float = 10.0
    sigma: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is negative, or omega 0; names the key.
        """
        require("weight", self.weight, at_least=0)
        require("mining", self.mining, at_least=0)
        require("omega", self.omega, above=0)
        require("sigma", self.sigma, at_least=0)


def class_activation(
    logits: Tensor, maps: Tensor, labels: Tensor, *, size: tuple[int, int]
) -> Tensor:
    """Grad-CAM of each image's own class, enlarged to ``size``, (B, 1, H, W), at least 0.

    Args:
        logits: (B, C), computed from ``maps``.
        maps: (B, F, h, w), with their graph; the result's graph goes through them alone.
        labels: Class indices, (B,).
        size: Height and width.
    """
    own = logits.float().gather(1, labels[:, None]).sum()
    (slopes,) = torch.autograd.grad(own, maps, retain_graph=True)
    weights = slopes.float().mean(dim=(2, 3), keepdim=True).detach()
    activation = (weights * maps.float()).sum(dim=1, keepdim=True).relu()
    return F.interpolate(activation, size, mode="bilinear", align_corners=False)


def erase(images: Tensor, activation: Tensor, *, omega: float, sigma: float) -> Tensor:
    """Blacken images (B, 1, H, W) where ``activation``, of the same shape, is above ``sigma``."""
    return images - images * torch.sigmoid(omega * (activation - sigma))


def map_error(activation: Tensor, masks: Tensor) -> Tensor:
    """Mean squared error over pixels, then over the images with lungs; 0 if none has any."""
    errors = (activation - masks).square().flatten(1).mean(dim=1)
    return mean_of_scored(errors, masks.flatten(1).any(dim=1))


class GainObjective(ClassObjective):
    """The class loss, attention mining and the error between map and lungs; in validation too."""

    def __init__(self, network: nn.Module, class_weights: Tensor, own: GainSettings) -> None:
        """Score ``network``."""
        super().__init__(network, class_weights)
        self._own = own

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms."""
        own, wanted = self._own, torch.is_grad_enabled()
        height, width = batch.images.shape[2:]
        with torch.enable_grad():
            with last_maps(self._network) as maps:
                logits = self._network(batch.images)
            activation = class_activation(logits, maps.value, batch.labels, size=(height, width))
        if not wanted:
            logits, activation = logits.detach(), activation.detach()
        erased = erase(batch.images, activation, omega=own.omega, sigma=own.sigma)
        with untouched_statistics(self._network):
            left = self._network(erased).float().softmax(dim=1)
        mining = left.gather(1, batch.labels[:, None]).mean()
        error = map_error(activation, batch.masks)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {
            "loss": loss + own.mining * mining + own.weight * error,
            "class_loss": loss,
            "mining_loss": mining,
            "map_error": error,
            "logits": logits,
        }


class Gain(Method[GainSettings]):
    """Train by the class loss and a class activation map that covers the lungs."""

    settings = GainSettings

    def needs(self, own: GainSettings) -> Needs:
        """Need masks in training."""
        return Needs(lung_masks_in_training=True)

    def needs_check(self, own: GainSettings) -> bool:
        """Look at the network."""
        return True

    def check(self, network: nn.Module, own: GainSettings) -> None:
        """Refuse a network without an ``nn.ReLU``."""
        require_layer(network, nn.ReLU)

    def build(self, setup: Setup[GainSettings]) -> Objective:
        """Return all losses."""
        return GainObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("gain", Gain())
