"""How a classifier is explained: by relevance, or where that cannot pass by its gradient.

Relevance (LRP) passes convolutions, linear layers, batch norm, ReLU and pooling. Attention by
softmax, layer norm, GELU and pooling by logarithms of sums it cannot pass; a network made of these
is explained by input x gradient. **The shares inside the lungs of the two are no like figures.**
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from isnet_cxr.classification.lrp.gradient.prepare import prepare
from isnet_cxr.data.errors import InputError

AttributionKind = Literal["relevance", "gradient"]
NAMES: dict[AttributionKind, str] = {
    "relevance": "relevance (LRP)",
    "gradient": "input x gradient, as relevance cannot pass this network",
}

HeatmapsOf = Callable[[Tensor], Tensor]
"""Maps what is explained, (B, 1), to heatmaps, (B, 1, C, H, W)."""


@dataclass(frozen=True)
class Attribution:
    """How heatmaps are made.

    Attributes:
        kind: "relevance" by LRP, or "gradient": input x gradient, which every network has. A black
            pixel has none.
        gates: Of relevance: dotted names of layers whose output multiplies a signal, which it
            passes as constants. What they read is not in the heatmap.
    """

    kind: AttributionKind = "relevance"
    gates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that they go together.

        Raises:
            InputError: If gates are given to a gradient, which would pass them by.
        """
        if self.kind == "gradient" and self.gates:
            raise InputError(f"gates: have no use with kind 'gradient', got {self.gates}")

    @property
    def name(self) -> str:
        """What people are told of it."""
        return NAMES[self.kind]


RELEVANCE = Attribution()


@contextmanager
def attributing(
    network: nn.Module, attribution: Attribution, *, epsilon: float
) -> Iterator[Callable[[Tensor], tuple[Tensor, HeatmapsOf]]]:
    """Make ``network`` explainable inside the block; afterwards it is as it was.

    Args:
        network: Called on images (B, C, H, W), gives logits.
        attribution: How it is explained.
        epsilon: Stabiliser of LRP-epsilon; of no meaning for a gradient.

    Yields:
        A function of images that returns their logits, with a graph, and what makes heatmaps of
        something computed from these; heatmaps have no graph.

    Raises:
        InputError: If relevance cannot pass a layer, or a gate is not in the network.
    """
    if attribution.kind == "gradient":
        yield lambda images: _by_gradient(network, images)
        return
    prepared = prepare(network, gates=attribution.gates)

    def by_relevance(images: Tensor) -> tuple[Tensor, HeatmapsOf]:
        with prepared.record(epsilon=epsilon) as recording:
            logits = network(images)
        return logits, lambda explained: recording.heatmaps(explained, differentiable=False)

    try:
        yield by_relevance
    finally:
        prepared.restore()


def _by_gradient(network: nn.Module, images: Tensor) -> tuple[Tensor, HeatmapsOf]:
    pixels = images.detach().requires_grad_()
    logits = network(pixels)

    def heatmaps(explained: Tensor) -> Tensor:
        # Summed, not averaged: an image's heatmap must not depend on its batch.
        (gradient,) = torch.autograd.grad(explained.sum(), pixels)
        return (pixels.detach() * gradient)[:, None]

    return logits, heatmaps
