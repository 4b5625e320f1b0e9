"""Heatmaps by walking the layers backwards with explicit rules (the "LRP block" of the ISNet).

Slower than the gradient engine, and independent of it: it is the oracle that the gradient engine is
tested against, it has the rules that no modified gradient can express, and it makes the two maps of
the Dual variant. Sources: Bassi et al. 2024, doi:10.1038/s41467-023-44371-z (the block) and
doi:10.1109/ACCESS.2024.3487474 (Dual); Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10.

>>> engine = LayerwiseEngine(network)
>>> recording = engine.record(images)
>>> heatmaps = recording.heatmaps(recording.logits[:, 0])
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, fx, nn

from isnet_cxr.classification.lrp.conventions import PIXELS, FirstRule
from isnet_cxr.classification.lrp.layerwise import rules
from isnet_cxr.classification.lrp.layerwise.forward import Recorded, compute_at, record_forward
from isnet_cxr.classification.lrp.layerwise.layer_graph import Kind, LayerGraph
from isnet_cxr.classification.lrp.layerwise.settings import LayerwiseRules
from isnet_cxr.data.errors import InputError


class LayerwiseEngine:
    """Records forward passes of a network and explains them with explicit rules.

    The network itself is neither changed nor hooked, and its batch norms' running statistics stay
    where they are. It may be prepared for the gradient engine or not.
    """

    def __init__(self, network: nn.Module) -> None:
        """Trace the layers of ``network``.

        While this runs no other thread may run a network (torch.fx intercepts all module calls);
        afterwards recordings are independent of each other. A forward pass that asks for
        ``self.training`` is traced as it is now.

        Args:
            network: A classifier made of convolutions, linear layers, batch norm, ReLU, pooling,
                dropout, sums, concatenations and reshaping. Layers may be re-used and work in
                place; sums, concatenations, ReLUs and pooling may be functions.

        Raises:
            InputError: If a layer or function is none of these, or the images meet something else
                than a convolution or linear layer first (the message names it), or if the forward
                pass branches on values.
        """
        self._graph = LayerGraph(network)

    def record(self, images: Tensor) -> "LayerwiseRecording":
        """Run the network on ``images`` (B, C, ...) in [0, 1] and keep what every layer computed.

        Batch norm in training mode normalises by the batch.

        Raises:
            InputError: If a pixel is outside [0, 1], where the zB rule does not hold.
        """
        low, high = images.detach().aminmax()
        if low < 0 or high > 1:
            raise InputError(f"images must lie in [0, 1], got values from {low:.4g} to {high:.4g}")
        return LayerwiseRecording(self._graph, record_forward(self._graph, images))


class LayerwiseRecording:
    """A forward pass with the values of all its layers; explains its outputs.

    Attributes:
        logits: What the network returned, with its graph.
    """

    def __init__(self, graph: LayerGraph, recorded: Recorded) -> None:
        """Keep what ``LayerwiseEngine.record`` recorded."""
        self._graph, self._recorded = graph, recorded
        self.logits: Tensor = recorded.values[graph.logits]
        if torch.is_grad_enabled() and not self.logits.requires_grad:
            self.logits.requires_grad_()  # of a frozen network, which can be explained as well

    def heatmaps(
        self,
        explained: Tensor,
        *,
        settings: LayerwiseRules | None = None,
        differentiable: bool = True,
    ) -> Tensor:
        """Relevance of every pixel for the attribution target of every image.

        Args:
            explained: One number per image, (B,), computed from ``logits``: a logit, log-odds; or
                several, (B, maps). Logit k starts with relevance ``z_k * d explained / d z_k``,
                which is the logit itself where it is what is explained.
            settings: The rules; by default those of the gradient engine.
            differentiable: Keep the graph, so that a loss on the heatmaps trains the weights.

        Returns:
            Signed relevance, (B, maps, C, H, W), in the units of ``explained``; ``maps`` is 1 for
            one number per image.
        """
        maps = self.layer_heatmaps(explained, (), settings=settings, differentiable=differentiable)
        return maps[PIXELS]

    def layer_heatmaps(
        self,
        explained: Tensor,
        layers: Sequence[str],
        *,
        settings: LayerwiseRules | None = None,
        differentiable: bool = True,
    ) -> dict[str, Tensor]:
        """Relevance of the pixels and of what left hidden layers; takes what ``heatmaps`` does.

        Args:
            explained: See ``heatmaps``.
            layers: Dotted names of layers or groups of them.
            settings: See ``heatmaps``.
            differentiable: See ``heatmaps``.

        Returns:
            Signed relevance by layer, (B, maps, C, H, W) each; the pixels' own is "pixels".

        Raises:
            InputError: If there is no such layer, or a batch norm is one map with it.
        """
        maps = []
        for column in explained.reshape(len(explained), -1).unbind(dim=1):
            # Summed, not averaged: an image's heatmap must not depend on its batch.
            (gradient,) = torch.autograd.grad(
                column.sum(), self.logits, create_graph=differentiable, retain_graph=True
            )
            start = self.logits * gradient
            maps.append(self._propagate(start, layers, settings, differentiable))
        return _stacked(maps)

    def dual_heatmaps(self, *, epsilon: float = 1e-2, differentiable: bool = True) -> Tensor:
        """Two maps of all logits together, at a cost that does not grow with them: Dual.

        The epsilon map starts from the logits, and is the sum of all classes' heatmaps. What
        relevance a pixel has for one class and against another cancels in it. The z+ map starts
        from the logits' absolute values, so nothing cancels: its relevance is never negative, and
        it is 0 only where no pixel adds to any class. (The papers say "all logits together, once
        with z+ and once with epsilon"; the absolute value is this project's reading. For the
        other, pass ``logits`` to ``propagate`` with ``LayerwiseRules(hidden="z+")``.)

        Args:
            epsilon: Stabiliser of both; in the epsilon map at the ReLUs only.
            differentiable: Keep the graph.

        Returns:
            (B, 2, C, H, W), z+ first, then epsilon.
        """
        return self.dual_layer_heatmaps((), epsilon=epsilon, differentiable=differentiable)[PIXELS]

    def dual_layer_heatmaps(
        self,
        layers: Sequence[str],
        *,
        epsilon: float = 1e-2,
        first: FirstRule = "zB",
        differentiable: bool = True,
    ) -> dict[str, Tensor]:
        """Dual of the pixels and of what left hidden layers, by layer as ``layer_heatmaps``."""
        plus = LayerwiseRules("z+", first, epsilon)
        signed = LayerwiseRules("epsilon", first, epsilon)
        return _stacked(
            [
                self._propagate(self.logits.abs(), layers, plus, differentiable),
                self._propagate(self.logits, layers, signed, differentiable),
            ]
        )

    def propagate(
        self,
        relevance: Tensor,
        *,
        settings: LayerwiseRules | None = None,
        differentiable: bool = True,
    ) -> Tensor:
        """Pass any relevance of the logits back to the pixels.

        Args:
            relevance: Relevance of every logit, shape of ``logits``; ``logits`` itself for all of
                them together.
            settings: The rules; by default those of the gradient engine.
            differentiable: Keep the graph.

        Returns:
            Signed relevance of the pixels, (B, C, H, W).
        """
        return self._propagate(relevance, (), settings, differentiable)[PIXELS]

    def _propagate(
        self,
        relevance: Tensor,
        layers: Sequence[str],
        settings: LayerwiseRules | None,
        differentiable: bool,
    ) -> dict[str, Tensor]:
        """Pass relevance of the logits back; return what arrives at ``layers`` and the pixels."""
        settings = settings or LayerwiseRules()
        graph, arrived = self._graph, {self._graph.logits: relevance}
        wanted = {self._hidden(name): name for name in layers}
        maps = {}
        with torch.set_grad_enabled(differentiable):
            for step in reversed(graph.steps):
                if step not in arrived or step is graph.images:
                    continue
                if step in wanted:
                    maps[wanted[step]] = arrived[step]
                shares = self._pass_back(step, arrived.pop(step), settings)
                for source, share in zip(graph.read(step), shares, strict=True):
                    arrived[source] = arrived[source] + share if source in arrived else share
        for name in layers:
            if name not in maps:
                raise InputError(f"layer {name!r} has no part in what is explained")
        maps[PIXELS] = arrived[graph.images]
        if differentiable:
            return maps
        return {name: heatmap.detach() for name, heatmap in maps.items()}

    def _hidden(self, name: str) -> fx.Node:
        """Find the step that made the output of the layer ``name``."""
        step = self._graph.output_of(name)
        if step in self._recorded.fused.values():
            raise InputError(
                f"layer {name!r} is one map with the batch norm behind it: name that one"
            )
        return step

    def _pass_back(
        self, step: fx.Node, relevance: Tensor, settings: LayerwiseRules
    ) -> tuple[Tensor, ...]:
        """Share the relevance of ``step`` among what it read."""
        graph, values = self._graph, self._recorded.values
        kind, inputs = graph.kind(step), [values[source] for source in graph.read(step)]
        if kind is Kind.SUM:
            return rules.propagate_sum(settings.hidden_rule(), inputs, values[step], relevance)
        if kind is Kind.CONCATENATION:
            return rules.propagate_concatenation(inputs, relevance, dim=_dimension(step))
        if kind is Kind.RELU:
            return (self._pass_relu(step, relevance, settings),)
        if kind is Kind.MAXIMUM:
            pool = partial(compute_at, graph, step, values)
            return (
                rules.propagate_max_pool(
                    pool, inputs[0], values[step], relevance, stabiliser=settings.at_layers
                ),
            )
        if step in self._recorded.linear:
            layer, output = self._recorded.linear[step]
            if settings.biases == "detached":
                layer = layer.with_detached_bias()
                output = layer(inputs[0])
            rule = settings.first_rule() if graph.reads_pixels(step) else settings.hidden_rule()
            return (rule(layer, inputs[0], output, relevance),)
        return (relevance.reshape(inputs[0].shape),)  # reshaping, dropout, a fused batch norm

    def _pass_relu(self, step: fx.Node, relevance: Tensor, settings: LayerwiseRules) -> Tensor:
        if settings.first == "zB" and self._graph.is_first_relu(step, self._recorded.fused):
            return relevance  # the zB rule has its own stabiliser
        output = self._recorded.values[step]
        return rules.propagate_relu(output, relevance, stabiliser=settings.at_relus)


def _dimension(concatenation: fx.Node) -> int:
    """Return the dimension along which ``concatenation`` put its parts."""
    positional = concatenation.args[1:] or (0,)
    dim: int = concatenation.kwargs.get("dim", positional[0])  # type: ignore[assignment]
    return dim


def _stacked(maps: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put the maps of every layer side by side, (B, maps, ...)."""
    return {name: torch.stack([each[name] for each in maps], dim=1) for name in maps[0]}
