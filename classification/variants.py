"""Which heatmaps a training step makes: the variants of the ISNet, as its settings choose them.

The published variants are settings of one training: which attribution target, on which layers,
with which epsilon (a table is in ``docs/method.md``). All but Dual come from the gradient engine;
Dual needs the rule z+, which no modified gradient can express.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.lrp.gradient.prepare import prepare
from isnet_cxr.classification.lrp.layerwise.engine import LayerwiseEngine
from isnet_cxr.classification.lrp.targets import (
    TargetClass,
    attribution_targets,
    choose_classes,
)
from isnet_cxr.data.errors import InputError


@dataclass(frozen=True)
class ExplainedImages:
    """What a network says of images, and where it looks.

    Attributes:
        logits: (B, C), with their graph.
        heatmaps: Signed relevance by layer, (B, maps, C, H, W) each; the images' own is "pixels".
    """

    logits: Tensor
    heatmaps: dict[str, Tensor]


class Explainer(Protocol):
    """Runs images through a network and explains the outputs."""

    def explain(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        generator: torch.Generator | None,
        differentiable: bool = True,
    ) -> ExplainedImages:
        """Explain ``images`` (B, 1, H, W) with their class indices (B,).

        Without a generator nothing is drawn: the top class stands in for a drawn one.
        """

    def restore(self) -> None:
        """Leave the network as it was."""


class ClassExplainer:
    """One map for each chosen class, by the gradient engine."""

    def __init__(
        self,
        network: nn.Module,
        strategy: TargetClass,
        settings: IsnetSettings,
        *,
        epsilon: float,
    ) -> None:
        """Prepare ``network`` for recording; its ``state_dict`` stays what it was."""
        self._prepared = prepare(network)
        self._epsilon = epsilon
        self._strategy = strategy
        self._settings = settings

    def explain(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        generator: torch.Generator | None,
        differentiable: bool = True,
    ) -> ExplainedImages:
        """Explain the classes that the settings choose."""
        settings = self._settings
        with self._prepared.record(epsilon=self._epsilon, layers=settings.deep_layers) as recording:
            logits = self._prepared.network(images)
        strategy = self._strategy
        if generator is None and strategy in {"random", "stochastic"}:
            strategy = "top"
        classes = choose_classes(
            logits.detach(), strategy=strategy, labels=labels, generator=generator
        )
        heatmaps = recording.layer_heatmaps(
            attribution_targets(logits, classes, target=settings.attribution_target),
            differentiable=differentiable,
            first_rule=settings.first_rule,
        )
        return ExplainedImages(logits, heatmaps)

    def restore(self) -> None:
        """Put the network's own layers back."""
        self._prepared.restore()


class DualExplainer:
    """Two maps of all logits together, z+ and epsilon, by the layer-wise engine, in float32."""

    def __init__(self, network: nn.Module, settings: IsnetSettings, *, epsilon: float) -> None:
        """Trace ``network``, which stays as it is."""
        self._engine = LayerwiseEngine(network)
        self._epsilon = epsilon
        self._settings = settings

    def explain(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        generator: torch.Generator | None,
        differentiable: bool = True,
    ) -> ExplainedImages:
        """Explain all classes at once; labels and generator do not matter."""
        settings = self._settings
        with torch.autocast(images.device.type, enabled=False):
            recording = self._engine.record(images)
            heatmaps = recording.dual_layer_heatmaps(
                settings.deep_layers,
                epsilon=self._epsilon,
                first=settings.first_rule,
                differentiable=differentiable,
            )
        return ExplainedImages(recording.logits, heatmaps)

    def restore(self) -> None:
        """Do nothing: the network was not changed."""


def build_explainer(network: nn.Module, settings: IsnetSettings, *, epsilon: float) -> Explainer:
    """Build what explains ``network`` in the variant of ``settings``.

    Args:
        network: To be explained.
        settings: Of the ISNet.
        epsilon: Stabiliser of LRP-epsilon.

    Raises:
        InputError: If there is no hidden layer of a name.
        InputError: If relevance cannot pass a layer.
    """
    check_layers(network, settings.deep_layers)
    if settings.target_class == "dual":
        return DualExplainer(network, settings, epsilon=epsilon)
    return ClassExplainer(network, settings.target_class, settings, epsilon=epsilon)


def check_layers(network: nn.Module, names: Sequence[str]) -> None:
    """Refuse hidden layers that the network does not have.

    Raises:
        InputError: If there is no layer of a name; lists those that there are.
    """
    known = dict(network.named_modules())
    for name in names:
        if name not in known:
            raise InputError(
                f"deep_layers: the network has no layer {name!r}, its layers are "
                f"{', '.join(layer for layer in known if layer)}"
            )
