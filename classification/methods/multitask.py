"""Multi-task U-Net: one encoder learns to find the lungs and to tell the class.

A rival of the ISNet papers (Bassi, Dertkigil, Cavalli, Nature Communications 2024,
doi:10.1038/s41467-023-44371-z): a U-Net with a class head at its bottleneck,
``CE + weight * segmentation loss``. Nothing forces the class head to use the lungs.

The segmentation loss is binary cross-entropy per pixel: the mean over pixels, then over the images
with lungs in their masks; an image whose mask is not known teaches the class alone. Neither the
published loss nor its weight could be found; both are ours. The published network has five levels
of 64 to 1024 channels and a head of 7 x 7 places and 4096, 4096 units, some 200 million weights in
its first layer; here it has four levels of 16 to 128 channels, 4 x 4 places and 64 units, a size
that suits CPUs, no batch norm in its decoder, and nearest neighbours instead of up-convolutions.
Its baseline is itself with a weight of 0.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.losses.heatmap import EmptyMasks, mean_of_scored
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.multitask_network import MultitaskUNet
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class MultitaskSettings:
    """How much the lungs count, and the size of the network.

    Attributes:
        weight: Of the segmentation loss, beside the class loss; search 0.1, 0.3, 1, 3 and 10.
        widths: Channels of each level of the U-Net; every level after the first halves the
            resolution.
        units: Of the class head's hidden layer.
        empty_masks: "refuse" to train on images without lungs in their masks, or without masks; or
            "skip" the segmentation loss for them.
    """

    weight: float = 1.0
    widths: tuple[int, ...] = (16, 32, 64, 128)
    units: int = 64
    empty_masks: EmptyMasks = "refuse"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("weight", self.weight, at_least=0)
        require("units", self.units, at_least=1)
        if len(self.widths) < 2:  # noqa: PLR2004
            raise InputError(f"widths: expected at least two levels, got {self.widths}")
        require("widths", min(self.widths), at_least=1)


def segmentation_loss(lungs: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over pixels, then over images with lungs; 0 if none has any.

    Args:
        lungs: Logits of "lung", (B, 1, H, W).
        masks: 1 in the lungs, of the same shape.
    """
    losses = F.binary_cross_entropy_with_logits(lungs.float(), masks.float(), reduction="none")
    return mean_of_scored(losses.flatten(1).mean(dim=1), masks.flatten(1).any(dim=1))


class MultitaskObjective(Objective):
    """The class loss and the segmentation loss; in validation too."""

    def __init__(
        self, network: MultitaskUNet, class_weights: Tensor, own: MultitaskSettings
    ) -> None:
        """Score ``network``; ``class_weights`` (C,) make rare classes count."""
        super().__init__()
        self._network = network
        self._class_weights = class_weights
        self._own = own

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms."""
        logits, lungs = self._network.classify_and_segment(batch.images)
        segmentation = segmentation_loss(lungs, batch.masks)
        loss = class_loss(logits, batch.labels, self._class_weights)
        return {
            "loss": loss + self._own.weight * segmentation,
            "class_loss": loss,
            "segmentation_loss": segmentation,
            "logits": logits,
        }


class Multitask(Method[MultitaskSettings]):
    """Train a network of its own to find the lungs and to tell the class."""

    settings = MultitaskSettings

    def needs(self, own: MultitaskSettings) -> Needs:
        """Need masks in training, unless images without lungs may be skipped."""
        return Needs(lung_masks_in_training=own.empty_masks != "skip", own_network=True)

    def build_network(self, own: MultitaskSettings, *, classes: int) -> nn.Module:
        """Build the U-Net with two heads, laid out as CPUs like it."""
        network: nn.Module = MultitaskUNet(classes=classes, widths=own.widths, units=own.units)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def build(self, setup: Setup[MultitaskSettings]) -> Objective:
        """Return both losses.

        Raises:
            InputError: If the network is not the method's own.
        """
        if not isinstance(setup.network, MultitaskUNet):
            raise InputError(
                f"multitask trains its own network, got a {type(setup.network).__name__}"
            )
        return MultitaskObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("multitask", Multitask())
