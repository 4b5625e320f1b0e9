"""Hierarchical attention mining: maps of diseases lie within a map of everything abnormal.

Ouyang et al., IEEE TMI 2021 (arXiv 2112.12349); a rival of the ISNet
papers (Bassi, Dertkigil, Cavalli, Nature Communications 2024, doi:10.1038/s41467-023-44371-z),
where as here the lungs are the mask of every disease. With K the map of an image's disease and A
its map of everything abnormal, the loss is

``BCE(diseases) + anomaly BCE(abnormal) + bound B(K, A) + union U(K, A) + weight AMSE(maps, lungs)``

(``losses/attention_maps.py``). The maps' weights are constants, so that the last three teach the
features, not the heads. Each image has one label here; that of the normal class says that no
disease is there, and its logit is minus that of "abnormal".

Reductions: BCE, the mean over diseases, then over images, weighted by how rare their class is; B
and U, the mean over the images with a disease; AMSE, the mean over all diseases' maps, then over
the images with lungs in their masks. Published code takes B and AMSE class by class, then the mean
over the classes of the batch. Its step of B and U stands at 0.75; 0.4 is the ISNet papers'.

Smaller than published, for CPUs: seven convolutions of at most 96 channels from random weights
instead of a ResNet50 from ImageNet's; 64 channels, not 512, before the heads; and maps at a
sixteenth of the resolution, not at an eighth of 512 px.

Probabilities are the softmax of the logits, as everywhere here, though the loss is not. Heatmaps
are input x gradient: relevance passes neither the attention nor the pooling.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.attribution import Attribution
from isnet_cxr.classification.ham_network import HamNetwork, Maps
from isnet_cxr.classification.losses.attention_maps import (
    bound_terms,
    mask_errors,
    refine,
    union_terms,
)
from isnet_cxr.classification.losses.heatmap import EmptyMasks, mean_of_scored
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require

REFINED_AT = 0.4  # step of the maps that are compared with masks


@dataclass(frozen=True)
class HamSettings:
    """Which class is normal, what counts how much, and the size of the network.

    Attributes:
        normal: Index of the normal class among the study's classes, from 0.
        weight: Of the error between the diseases' maps and the lungs; search 0.05, 0.15, 0.5, 1.5
            and 5.
        anomaly: Of the loss of telling abnormal from normal.
        bound: Of what a disease's map has outside the map of everything abnormal.
        union: Of what the map of everything abnormal has that the disease's map has not.
        threshold: What a value of a map must exceed to count in these two.
        widths: Channels of each level; every level halves the resolution.
        units: Channels that the heads read.
        empty_masks: "refuse" to train on images without lungs in their masks, or without masks; or
            "skip" the error of their maps.
    """

    normal: int = 0
    weight: float = 0.5
    anomaly: float = 0.01
    bound: float = 0.001
    union: float = 0.001
    threshold: float = 0.4
    widths: tuple[int, ...] = (16, 32, 64, 96)
    units: int = 64
    empty_masks: EmptyMasks = "refuse"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        for key in ("normal", "weight", "anomaly", "bound", "union", "threshold"):
            require(key, getattr(self, key), at_least=0)
        require("units", self.units, at_least=1)
        if not self.widths:
            raise InputError("widths: expected at least one level, got none")
        require("widths", min(self.widths), at_least=1)


@dataclass(frozen=True)
class MapTerms:
    """What the maps of a batch cost, one number each.

    Attributes:
        bound: Of the diseases' maps, outside the anomaly's.
        union: Of the anomaly's maps, beyond the diseases'.
        error: Of the diseases' maps against the lungs.
    """

    bound: Tensor
    union: Tensor
    error: Tensor


def map_terms(maps: Maps, diseases: Tensor, masks: Tensor, *, threshold: float) -> MapTerms:
    """Score maps.

    Args:
        maps: Of a batch.
        diseases: 1 for the disease that an image shows, (B, D); all 0 for a normal one.
        masks: 1 in the lungs, (B, 1, H, W); all 0 for an image that has no error.
        threshold: What a value must exceed to count in "bound" and "union".
    """
    is_sick = diseases.any(dim=1)
    shown = maps.diseases * diseases[:, :, None, None]
    bound = bound_terms(shown, maps.anomaly, threshold=threshold).sum(dim=1)
    union = union_terms(shown, maps.anomaly, threshold=threshold)
    height, width = masks.shape[2:]
    refined = refine(maps.diseases, size=(height, width), threshold=REFINED_AT)
    errors = mask_errors(refined, masks.to(refined)).mean(dim=1)
    return MapTerms(
        mean_of_scored(bound, is_sick),
        mean_of_scored(union, is_sick),
        mean_of_scored(errors, masks.flatten(1).any(dim=1)),
    )


class HamObjective(Objective):
    """What the classes cost and what their maps do; in validation too."""

    def __init__(self, network: HamNetwork, class_weights: Tensor, own: HamSettings) -> None:
        """Score ``network``; ``class_weights`` (C,) make rare classes count."""
        super().__init__()
        self._network = network
        self._class_weights = class_weights
        self._own = own

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms."""
        own = self._own
        logits, maps = self._network.classify_and_map(batch.images)
        truth = F.one_hot(batch.labels, logits.shape[1]).float()
        diseases, is_normal = _split(truth, own.normal)
        disease_logits, normal_logit = _split(logits.float(), own.normal)
        loss = self._cross_entropy(disease_logits, diseases, batch.labels)
        anomaly = self._cross_entropy(-normal_logit, 1 - is_normal, batch.labels)
        scored = map_terms(maps, diseases, batch.masks, threshold=own.threshold)
        return {
            "loss": loss
            + own.anomaly * anomaly
            + own.bound * scored.bound
            + own.union * scored.union
            + own.weight * scored.error,
            "class_loss": loss,
            "anomaly_loss": anomaly,
            "bound_loss": scored.bound,
            "union_loss": scored.union,
            "map_error": scored.error,
            "logits": logits,
        }

    def _cross_entropy(self, logits: Tensor, truth: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy of (B, D), the mean over D, then over images weighted by class."""
        losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=1)
        return (losses * self._class_weights.to(losses)[labels]).mean()


def _split(columns: Tensor, normal: int) -> tuple[Tensor, Tensor]:
    """Return the columns of the diseases (B, C - 1) and of the normal class (B, 1)."""
    diseases = torch.cat([columns[:, :normal], columns[:, normal + 1 :]], dim=1)
    return diseases, columns[:, normal : normal + 1]


class Ham(Method[HamSettings]):
    """Train a network of its own whose maps are tied to each other and to the lungs."""

    settings = HamSettings

    def needs(self, own: HamSettings) -> Needs:
        """Need masks in training, unless images without lungs may be skipped."""
        return Needs(lung_masks_in_training=own.empty_masks != "skip", own_network=True)

    def build_network(self, own: HamSettings, *, classes: int) -> nn.Module:
        """Build the network, laid out as CPUs like it.

        Raises:
            InputError: If no class has the index of the normal one.
        """
        if own.normal >= classes:
            raise InputError(
                f"ham.normal: expected the index of one of {classes} classes, got {own.normal}"
            )
        network: nn.Module = HamNetwork(
            classes=classes, normal=own.normal, widths=own.widths, units=own.units
        )
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def needs_check(self, own: HamSettings) -> bool:
        """Have the network built, which refuses a normal class that is none."""
        return True

    def attribution(self, own: HamSettings) -> Attribution:
        """Explain by input x gradient."""
        return Attribution("gradient")

    def build(self, setup: Setup[HamSettings]) -> Objective:
        """Return all losses.

        Raises:
            InputError: If the network is not the method's own.
        """
        if not isinstance(setup.network, HamNetwork):
            raise InputError(f"ham trains its own network, got a {type(setup.network).__name__}")
        return HamObjective(setup.network, setup.class_weights, setup.own)


METHODS.register("ham", Ham())
