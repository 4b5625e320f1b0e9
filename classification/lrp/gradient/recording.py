"""Heatmaps by one modified backward pass: LRP-epsilon inside, zB at the first layer.

A recorded forward pass leaves an autograd graph whose ReLUs and batch norms know the relevance
pass (see ``functions``). Propagating the attribution target back through it gives the modified
gradient at every layer; relevance is activation x modified gradient. It is the rule
``R_j = sum_k a_j w_jk R_k / (z_k + eps)``, written once per network instead of once per layer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.modules.conv import _ConvNd

from isnet_cxr.classification.lrp.conventions import PIXELS, FirstRule
from isnet_cxr.classification.lrp.gradient.first_layer import (
    FirstLayer,
    propagate_epsilon,
    propagate_zb,
)
from isnet_cxr.classification.lrp.gradient.gates import RelevanceGate
from isnet_cxr.classification.lrp.gradient.graph_start import begin_graph
from isnet_cxr.classification.lrp.gradient.layers import ExplainableBatchNorm, ExplainableReLU
from isnet_cxr.classification.lrp.gradient.readers import (
    count_readers,
    is_all_pixels,
    is_pixels,
    leads_to,
)
from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch
from isnet_cxr.data.errors import InputError

TINY = 1e-9  # keeps the zB rule's denominator from 0 when epsilon is 0


class Recording:
    """A recorded forward pass; turns its outputs into heatmaps.

    Attributes:
        switch: The epsilon of the recording, and the pass that is running.
    """

    def __init__(self, switch: RelevanceSwitch) -> None:
        """Start empty; ``PreparedNetwork.record`` lets it watch while the network runs."""
        self.switch = switch
        self._images: Tensor | None = None
        self._firsts: list[FirstLayer] = []
        self._hidden: dict[str, Tensor] = {}

    def start(self, network: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Note the images that the network was called with (a forward pre-hook).

        Raises:
            InputError: If a pixel is outside [0, 1], where the zB rule does not hold.
        """
        images: Tensor = arguments[0]
        self._images = None  # the next line reads them, and may
        low, high = images.detach().aminmax()
        if low < 0 or high > 1:
            raise InputError(f"images must lie in [0, 1], got values from {low:.4g} to {high:.4g}")
        self._images, self._firsts, self._hidden = images, [], {}

    def watch(self, layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor | None:
        """Find the first layers, their batch norms and ReLUs by what they read (a forward hook).

        Returns:
            What a frozen first layer shall have computed: the same, with a graph that starts there.

        Raises:
            InputError: If a layer reads some of the pixels, or all in another order.
        """
        read: Tensor = arguments[0]
        if isinstance(layer, _ConvNd | nn.Linear):
            if self.is_pixels(read):
                is_frozen = torch.is_grad_enabled() and not output.requires_grad
                if is_frozen:
                    output = begin_graph(output)
                self._firsts.append(self._first_layer(layer, read, output))
                return output if is_frozen else None
        elif isinstance(layer, ExplainableBatchNorm):
            for first in self._firsts:
                if read is first.output and first.is_read_by(output) and first.can_take_norm():
                    first.add_norm(layer, output)
        elif isinstance(layer, ExplainableReLU):
            self.watch_relu(read, output)
        return None

    def watch_relu(self, read: Tensor, output: Tensor) -> None:
        """Find a first layer's ReLU where it is called as a function."""
        for first in self._firsts:
            if read is first.output and first.is_read_by(output) and not first.has_relu:
                first.add_relu(output)

    def watch_hidden(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        """Return a forward hook that keeps a layer's output for ``layer_heatmaps``."""

        def hook(_layer: nn.Module, _arguments: Any, output: Tensor) -> None:
            if name in self._hidden:
                raise InputError(f"layer {name!r} runs twice in a forward pass: which is meant?")
            self._hidden[name] = output

        return hook

    def is_pixels(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` is the images or a view of their pixels."""
        return self._images is not None and is_pixels(tensor, self._images)

    def depends_on_pixels(self, tensor: Tensor) -> bool:
        """Whether relevance of ``tensor`` would go on to the images; behind a gate it does not."""
        firsts = {step.node for first in self._firsts for step in first.steps[:1]}
        return leads_to(tensor, firsts, not_behind=f"{RelevanceGate.__name__}Backward")

    def _first_layer(self, layer: _ConvNd | nn.Linear, read: Tensor, output: Tensor) -> FirstLayer:
        if self._images is None or not is_all_pixels(read, self._images):
            raise InputError(
                f"a {type(layer).__name__} reads a part of the images or turned ones: expected all "
                "pixels in their order, keep preprocessing outside the network"
            )
        first = FirstLayer(layer, read, output, layer.weight, layer.bias)
        first.note_step()
        return first

    def heatmaps(
        self, explained: Tensor, *, differentiable: bool = True, first_rule: FirstRule = "zB"
    ) -> Tensor:
        """Relevance of every pixel for the attribution target of every image.

        Args:
            explained: One number per image, (B,), for instance a logit; or several, (B, maps).
            differentiable: Keep the graph, so that a loss on the heatmaps trains the weights.
            first_rule: How relevance passes from the first layer to the pixels. With "epsilon" and
                an epsilon of 0 the heatmap is exactly gradient x input.

        Returns:
            Signed relevance, (B, maps, C, H, W), in the units of ``explained``; ``maps`` is 1 for
            one number per image.

        Raises:
            InputError: If no layer read the images as they were given to the network.
        """
        maps = self.layer_heatmaps(explained, differentiable=differentiable, first_rule=first_rule)
        return maps[PIXELS]

    def layer_heatmaps(
        self, explained: Tensor, *, differentiable: bool = True, first_rule: FirstRule = "zB"
    ) -> dict[str, Tensor]:
        """Relevance of the pixels and of what left the recorded hidden layers, in one pass.

        Takes and raises what ``heatmaps`` does.

        Returns:
            Signed relevance by layer, (B, maps, C, H, W) each; the pixels' own is "pixels". A
            layer whose output is overwritten in place has the relevance of what overwrote it.
        """
        if not self._firsts or self._images is None:
            raise InputError(
                "no convolution or linear layer reads the images directly: "
                "keep preprocessing outside the network"
            )
        columns = explained.reshape(len(explained), -1).unbind(dim=1)
        readers = count_readers(columns)
        firsts = [first.as_read(readers) for first in self._firsts]
        edges = [first.edge for first in firsts]
        edges += [get_gradient_edge(output) for output in self._hidden.values()]
        maps: dict[str, list[Tensor]] = {name: [] for name in (PIXELS, *self._hidden)}
        for number, column in enumerate(columns):
            keep = differentiable or number + 1 < len(columns)
            # Summed, not averaged: an image's heatmap must not depend on its batch.
            gradients = self._propagate(column.sum(), edges, differentiable, keep)
            with torch.autocast(explained.device.type, enabled=False):
                pixels = self._to_pixels(firsts, gradients[: len(firsts)], first_rule)
                maps[PIXELS].append(pixels)
                hidden = zip(self._hidden.items(), gradients[len(firsts) :], strict=True)
                for (name, output), gradient in hidden:
                    maps[name].append(_relevance(name, output, gradient))
        stacked = {name: torch.stack(parts, dim=1) for name, parts in maps.items()}
        if differentiable:
            return stacked
        return {name: heatmaps.detach() for name, heatmaps in stacked.items()}

    def _to_pixels(
        self, firsts: Sequence[FirstLayer], gradients: Sequence[Tensor | None], rule: FirstRule
    ) -> Tensor:
        """Sum what all first layers pass to the pixels, shape of the images."""
        images, epsilon = self._images, self.switch.epsilon
        if images is None:
            raise InputError("no images were recorded")
        total = torch.zeros_like(images)
        for first, gradient in zip(firsts, gradients, strict=True):
            if gradient is None:  # what it computes has no part in what is explained
                continue
            if rule == "zB":
                heatmap = propagate_zb(first, gradient, stabiliser=epsilon or TINY)
            else:
                heatmap = propagate_epsilon(first, gradient, stabiliser=epsilon)
            total = total + heatmap.reshape(images.shape)
        return total

    def _propagate(
        self, explained: Tensor, to: Sequence[GradientEdge], create_graph: bool, keep: bool
    ) -> tuple[Tensor | None, ...]:
        """Modified gradients of ``explained`` at the activations ``to``."""
        self.switch.is_on = True
        try:
            return torch.autograd.grad(
                explained, to, create_graph=create_graph, retain_graph=keep, allow_unused=True
            )
        finally:
            self.switch.is_on = False


def _relevance(name: str, output: Tensor, gradient: Tensor | None) -> Tensor:
    """Activation x modified gradient, in float32 or better."""
    if gradient is None:
        raise InputError(f"layer {name!r} has no part in what is explained")
    dtype = torch.promote_types(output.dtype, torch.float32)
    return output.to(dtype) * gradient.to(dtype)
