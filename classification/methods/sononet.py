"""Attention-gated Sononet: maps that nobody supervises weigh the features before pooling.

Schlemper et al., *Attention gated networks*, Medical Image Analysis 2019
(doi:10.1016/j.media.2019.01.012); a rival of the ISNet papers (Bassi, Dertkigil, Cavalli, Nature
Communications 2024, doi:10.1038/s41467-023-44371-z). Labels alone: nothing tells the maps where the
lungs are.

Reductions: the class loss, the mean over images; with "deep_sup" that of every scale's own head is
added, times ``deep_weight``, as published. The normalisation is the published experiments' mean
flow; softmax, sigmoid and the rest are not here, nor are the aggregations by a mean of three
predictions and by a layer over them. The network has the published stages and number of
convolutions, with the channels divided by 8 as in the published configurations (64 to 512 become 8
to 64); images are 128 px by default, so that the gates stand at 32 and 16 px. Published trainings
take 300 epochs with a warm start; here they last as long as every other method's, for CPUs.

Heatmaps are relevance that passes the attention maps as constants, as in the ISNet papers' copy.
What a gate reads is not in the heatmap, so background can act through it unseen.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from isnet_cxr.classification.attribution import Attribution
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.method import METHODS, Method, Needs, Setup
from isnet_cxr.classification.objective import Batch, Objective, Terms, class_loss
from isnet_cxr.classification.sononet_network import GATES, Sononet
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class SononetSettings:
    """Size of the network, and what predicts.

    Attributes:
        widths: Channels of the five stages; every stage after the first halves the resolution.
        aggregation: "concat": one linear layer reads all three scales; or "deep_sup": it predicts
            too, and in training every scale's own linear layer must tell the class as well.
        deep_weight: Of each scale's own class loss with "deep_sup"; search 0.01, 0.03, 0.1, 0.3
            and 1.
    """

    widths: tuple[int, int, int, int, int] = (8, 16, 32, 64, 64)
    aggregation: Literal["concat", "deep_sup"] = "concat"
    deep_weight: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("widths", min(self.widths), at_least=1)
        require("deep_weight", self.deep_weight, at_least=0)


class DeepObjective(ClassObjective):
    """The class loss, and that of every scale's own head; in validation too."""

    def __init__(self, network: Sononet, class_weights: Tensor, *, deep_weight: float) -> None:
        """Score ``network``; ``class_weights`` (C,) make rare classes count."""
        super().__init__(network, class_weights)
        self._sononet = network
        self._deep_weight = deep_weight

    def validation_terms(self, batch: Batch) -> Terms:
        """Return the whole loss and its terms; "deep_loss" is the sum over scales."""
        logits, by_scale = self._sononet.classify_by_scale(batch.images)
        loss = class_loss(logits, batch.labels, self._class_weights)
        deep = torch.stack(
            [class_loss(own, batch.labels, self._class_weights) for own in by_scale]
        ).sum()
        return {
            "loss": loss + self._deep_weight * deep,
            "class_loss": loss,
            "deep_loss": deep,
            "logits": logits,
        }


class AttentionGatedSononet(Method[SononetSettings]):
    """Train a network of its own whose attention maps weigh the features."""

    settings = SononetSettings

    def needs(self, own: SononetSettings) -> Needs:
        """Need labels alone."""
        return Needs(own_network=True)

    def build_network(self, own: SononetSettings, *, classes: int) -> nn.Module:
        """Build the Sononet, laid out as CPUs like it."""
        network: nn.Module = Sononet(
            classes=classes, widths=own.widths, deep=own.aggregation == "deep_sup"
        )
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def attribution(self, own: SononetSettings) -> Attribution:
        """Explain by relevance, which passes the attention maps as constants."""
        return Attribution(gates=GATES)

    def build(self, setup: Setup[SononetSettings]) -> Objective:
        """Return the class loss, with those of the scales if they are to count.

        Raises:
            InputError: If the network is not the method's own.
        """
        network, own = setup.network, setup.own
        if not isinstance(network, Sononet):
            raise InputError(f"sononet trains its own network, got a {type(network).__name__}")
        if own.aggregation == "concat":
            return ClassObjective(network, setup.class_weights)
        return DeepObjective(network, setup.class_weights, deep_weight=own.deep_weight)


METHODS.register("sononet", AttentionGatedSononet())
