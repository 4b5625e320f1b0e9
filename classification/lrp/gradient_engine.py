"""Heatmaps by one modified backward pass: LRP-epsilon inside, zB at the first layer.

A recorded forward pass leaves an autograd graph whose ReLUs and batch norms know the relevance
pass (see ``functions``). Propagating the explained quantity back through it gives the modified
gradient at every layer; relevance is activation x modified gradient. It is the rule
``R_j = sum_k a_j w_jk R_k / (z_k + eps)``, written once per network instead of once per layer.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from classification.lrp.first_layer import FirstLayer, propagate_epsilon, propagate_zb
from classification.lrp.layers import ExplainableBatchNorm, ExplainableReLU
from classification.lrp.switch import RelevanceSwitch

FirstRule = Literal["zB", "epsilon"]


class Recording:
    """A recorded forward pass; turns its outputs into heatmaps.

    Attributes:
        switch: The epsilon of the recording, and the pass that is running.
        first: The first layer, once the network has run.
    """

    def __init__(self, switch: RelevanceSwitch) -> None:
        """Start empty; ``PreparedNetwork.record`` lets it watch while the network runs."""
        self.switch = switch
        self.first: FirstLayer | None = None
        self._films: Tensor | None = None

    def start(self, network: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Note the films that the network was called with (a forward pre-hook).

        Raises:
            ValueError: If a pixel is outside [0, 1], where the zB rule does not hold.
        """
        films: Tensor = arguments[0]
        low, high = films.detach().aminmax()
        if low < 0 or high > 1:
            raise ValueError(f"films must lie in [0, 1], got values from {low:.4g} to {high:.4g}")
        self._films, self.first = films, None

    def watch(self, layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        """Find the first layer, its batch norm and its ReLU by what they read (a forward hook)."""
        read: Tensor = arguments[0]
        if self.first is None:
            if isinstance(layer, _ConvNd | nn.Linear) and self._is_films(read):
                self.first = FirstLayer(layer, read, output, layer.weight, layer.bias)
        elif read is self.first.output:
            if isinstance(layer, ExplainableBatchNorm):
                self.first.add_norm(layer, output)
            elif isinstance(layer, ExplainableReLU):
                self.first.add_relu(output)

    def watch_relu(self, read: Tensor, output: Tensor) -> None:
        """Find the first layer's ReLU where it is called as a function."""
        if self.first is not None and read is self.first.output:
            self.first.add_relu(output)

    def _is_films(self, read: Tensor) -> bool:
        """Whether a layer read the films themselves, or a view of all their pixels."""
        films = self._films
        if films is None:
            return False
        return read is films or (read._base is films and read.numel() == films.numel())

    def heatmaps(
        self, explained: Tensor, *, differentiable: bool = True, first_rule: FirstRule = "zB"
    ) -> Tensor:
        """Relevance of every pixel for the explained quantity of every film.

        Args:
            explained: One number per film, (B,), for instance a logit; or several, (B, maps).
            differentiable: Keep the graph, so that a loss on the heatmaps trains the weights.
            first_rule: How relevance passes from the first layer to the pixels.

        Returns:
            Signed relevance, (B, maps, C, H, W), in the units of ``explained``; ``maps`` is 1 for
            one number per film.

        Raises:
            ValueError: If no layer read the films as they were given to the network.
        """
        if self.first is None or self._films is None:
            raise ValueError(
                "no convolution or linear layer reads the films directly: "
                "keep preprocessing outside the network"
            )
        columns = explained.reshape(len(explained), -1).unbind(dim=1)
        propagate = propagate_zb if first_rule == "zB" else propagate_epsilon
        stabiliser = self.switch.epsilon or 1e-9
        maps = []
        for number, column in enumerate(columns):
            keep = differentiable or number + 1 < len(columns)
            # Summed, not averaged: a film's heatmap must not depend on its batch.
            gradient = self._propagate(column.sum(), self.first.output, differentiable, keep)
            with torch.autocast(gradient.device.type, enabled=False):
                heatmap = propagate(self.first, gradient, stabiliser=stabiliser)
            maps.append(heatmap.reshape(self._films.shape))
        stacked = torch.stack(maps, dim=1)
        return stacked if differentiable else stacked.detach()

    def _propagate(self, explained: Tensor, to: Tensor, create_graph: bool, keep: bool) -> Tensor:
        """Modified gradient of ``explained`` at the activation ``to``."""
        self.switch.is_on = True
        try:
            (gradient,) = torch.autograd.grad(
                explained, to, create_graph=create_graph, retain_graph=keep
            )
        finally:
            self.switch.is_on = False
        return gradient
