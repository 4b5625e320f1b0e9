"""Layers as affine maps, so that one rule serves convolution, linear layer, pooling and batch norm.

A rule needs three things of a layer: its weights, what it computes with other weights (their
positive part, say), and its transpose. Average pooling is a map with one weight per channel, and
batch norm is either a map of its own or, with what stands before it, one map.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


@dataclass(frozen=True)
class LinearMap:
    """An affine map with weights that can be exchanged.

    Attributes:
        function: Computes the outputs from (inputs, weight, bias); linear in the inputs without
            the bias.
        weight: Its first dimension counts the output channels.
        bias: One per output channel, or None.
    """

    function: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map ``inputs`` (B, ...) to the outputs (B, ...)."""
        return self.function(inputs, self.weight, self.bias)

    def positive(self) -> "LinearMap":
        """Keep the positive part of weight and bias."""
        bias = None if self.bias is None else self.bias.clamp_min(0)
        return replace(self, weight=self.weight.clamp_min(0), bias=bias)

    def negative(self) -> "LinearMap":
        """Keep the negative part of weight and bias."""
        bias = None if self.bias is None else self.bias.clamp_max(0)
        return replace(self, weight=self.weight.clamp_max(0), bias=bias)

    def without_bias(self) -> "LinearMap":
        """Keep the weight only."""
        return replace(self, bias=None)

    def with_detached_bias(self) -> "LinearMap":
        """Make the bias a constant."""
        return replace(self, bias=None if self.bias is None else self.bias.detach())

    def transpose(self, outputs: Tensor, *, like: Tensor) -> Tensor:
        """Apply the transpose of the weights.

        Args:
            outputs: Shape of ``self(like)``.
            like: Inputs whose shape the result has; their values do not matter.

        Returns:
            Shape of ``like``; keeps the graph of ``outputs`` and of the weights.
        """
        return pull_back(self, outputs, at=like)

    def followed_by(self, scale: Tensor, shift: Tensor) -> "LinearMap":
        """Fuse with the map ``z * scale + shift``, one number per channel, that reads it."""
        weight = self.weight * _per_channel(scale, dim=self.weight.dim(), channel=0)
        bias = shift if self.bias is None else self.bias * scale + shift
        return replace(self, weight=weight, bias=bias)


def pull_back(layer: Callable[[Tensor], Tensor], outputs: Tensor, *, at: Tensor) -> Tensor:
    """Pass ``outputs`` back through ``layer`` by its derivative at the inputs ``at``.

    ``layer`` must be linear, or linear as long as its winners stay the same (max pooling), so the
    derivative is a constant as far as ``at`` is concerned; the layer's weights keep their graph.
    """
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        point = at.detach().requires_grad_()
        (pulled,) = torch.autograd.grad(layer(point), point, outputs, create_graph=keep)
    return pulled


def map_of_layer(layer: nn.Module) -> LinearMap:
    """Take a convolution or a linear layer as the map it is."""
    if isinstance(layer, _ConvNd):
        return LinearMap(layer._conv_forward, layer.weight, layer.bias)
    if isinstance(layer, nn.Linear):
        return LinearMap(F.linear, layer.weight, layer.bias)
    raise TypeError(f"expected a convolution or a linear layer, got a {type(layer).__name__}")


def map_of_average(pool: Callable[[Tensor], Tensor], inputs: Tensor) -> LinearMap:
    """Take average pooling of ``inputs`` (B, C, ...) as a map with a weight of 1 per channel."""

    def function(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _scale_channels(pool(inputs), weight, bias)

    return LinearMap(function, inputs.new_ones(inputs.shape[1]))


def map_of_norm(norm: _BatchNorm, inputs: Tensor) -> LinearMap:
    """Take a batch norm that read ``inputs`` (B, C, ...) as the affine map it was.

    The statistics are the batch's in training and the running ones in evaluation, and constants:
    one image's heatmap must not depend on the gradient of the others. Weight and bias are not.
    """
    mean, variance = norm.running_mean, norm.running_var
    if norm.training or mean is None or variance is None:
        dims = [dim for dim in range(inputs.dim()) if dim != 1]
        variance, mean = torch.var_mean(inputs.detach(), dim=dims, correction=0)
    mean, scale = mean.clone(), torch.rsqrt(variance + norm.eps)  # the running ones will move on
    if norm.weight is not None:
        scale = norm.weight * scale
    shift = -mean * scale if norm.bias is None else norm.bias - mean * scale
    return LinearMap(_scale_channels, scale, shift)


def normalise(norm: _BatchNorm, inputs: Tensor) -> Tensor:
    """Apply batch norm to ``inputs`` (B, C, ...) without moving its running statistics."""
    use_batch = norm.training or norm.running_mean is None
    mean, variance = (None, None) if use_batch else (norm.running_mean, norm.running_var)
    return F.batch_norm(inputs, mean, variance, norm.weight, norm.bias, use_batch, 0.0, norm.eps)


def fuse_norm(before: LinearMap, norm: LinearMap) -> LinearMap:
    """Make one map of a layer and the batch norm (see ``map_of_norm``) that alone reads it."""
    if norm.bias is None:
        raise ValueError("norm must have a bias, as map_of_norm gives it")
    return before.followed_by(norm.weight, norm.bias)


def _scale_channels(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    scaled = inputs * _per_channel(weight, dim=inputs.dim(), channel=1)
    return scaled if bias is None else scaled + _per_channel(bias, dim=inputs.dim(), channel=1)


def _per_channel(values: Tensor, *, dim: int, channel: int) -> Tensor:
    """View ``values`` (C,) so that it broadcasts along dimension ``channel`` of ``dim``."""
    shape = [1] * dim
    shape[channel] = -1
    return values.view(shape)
