"""From the first layer's relevance to the pixels: the zB rule, or epsilon without it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import grad as nn_grad
from torch.nn.modules.conv import _ConvNd

from classification.lrp.convolution import Geometry, TransposedConvolution
from classification.lrp.layers import ExplainableBatchNorm

CONV_INPUT = {
    nn.Conv1d: nn_grad.conv1d_input,
    nn.Conv2d: nn_grad.conv2d_input,
    nn.Conv3d: nn_grad.conv3d_input,
}


@dataclass
class FirstLayer:
    """The first layer as it was recorded, fused with the batch norm and ReLU right behind it.

    Attributes:
        layer: The convolution or linear layer that read the films.
        films: What it read, (B, C, ...) in [0, 1].
        output: What left layer, batch norm and ReLU, with its graph.
        weight: Of layer and batch norm as one affine map, (outputs, inputs, ...).
        bias: Of the same map, (outputs,), or None.
        has_relu: Whether a ReLU stands right behind them.
    """

    layer: nn.Module
    films: Tensor
    output: Tensor
    weight: Tensor
    bias: Tensor | None
    has_relu: bool = False

    def add_norm(self, norm: ExplainableBatchNorm, output: Tensor) -> None:
        """Fuse the batch norm that read this layer's output; its statistics are constants."""
        mean, rstd = _statistics(norm, self.output.detach())
        scale = rstd if norm.weight is None else norm.weight * rstd
        shift = (-mean if self.bias is None else self.bias - mean) * scale
        self.weight = self.weight * scale.view(-1, *(1,) * (self.weight.dim() - 1))
        self.bias = shift if norm.bias is None else shift + norm.bias
        self.output = output

    def add_relu(self, output: Tensor) -> None:
        """Note the ReLU that read this layer's output."""
        self.output, self.has_relu = output, True


def propagate_zb(first: FirstLayer, gradient: Tensor, *, stabiliser: float) -> Tensor:
    """Pass relevance from the first layer's output to the pixels by the zB rule.

    ``s = R / (z - W-1 - b- + stabiliser)`` and ``R_pixel = x (W^T s) - W-^T s``, where ``W-`` and
    ``b-`` are the negative parts (Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10, table 1,
    with pixels in [0, 1]). The denominator is never negative. ``z`` may be taken behind the ReLU:
    where it was negative there is no relevance.

    Args:
        first: The first layer as recorded.
        gradient: Modified gradient at ``first.output``, same shape.
        stabiliser: Added to the denominator, in the units of the layer's output.

    Returns:
        Signed relevance of the pixels, shape of ``first.films``.
    """
    weight, bias = first.weight, first.bias
    negative = weight.clamp_max(0)
    lowest = _apply(first.layer, torch.ones_like(first.films[:1]), negative, bias)
    output, gradient = first.output.to(weight.dtype), gradient.to(weight.dtype)
    ratio = output * gradient / (output - lowest + stabiliser)
    both = _transpose(first, ratio, torch.cat([weight, negative], dim=1))
    to_pixels, to_ones = both.chunk(2, dim=1)
    return first.films * to_pixels - to_ones


def propagate_epsilon(first: FirstLayer, gradient: Tensor, *, stabiliser: float) -> Tensor:
    """Pass relevance from the first layer's output to the pixels by LRP-epsilon.

    Takes and returns what ``propagate_zb`` does; a pixel of 0 gets no relevance.
    """
    output, gradient = first.output.to(first.weight.dtype), gradient.to(first.weight.dtype)
    if first.has_relu:
        gradient = gradient * (output / (output + stabiliser))
    return first.films * _transpose(first, gradient, first.weight)


def _apply(layer: nn.Module, films: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Apply ``layer`` with another weight and the negative part of a bias."""
    shift = None if bias is None else bias.clamp_max(0)
    if isinstance(layer, _ConvNd):
        return layer._conv_forward(films, weight, shift)
    return nn.functional.linear(films, weight, shift)


def _transpose(first: FirstLayer, ratio: Tensor, weight: Tensor) -> Tensor:
    """Apply the transpose of the layer with ``weight`` (outputs, inputs, ...)."""
    layer = first.layer
    if not isinstance(layer, _ConvNd):
        return ratio @ weight
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str) or layer.groups != 1:
        raise ValueError(
            "the first convolution must have padding_mode 'zeros', numeric padding and one group"
        )
    geometry = Geometry(layer.stride, layer.padding, layer.dilation, 1)
    wide = first.films.detach()[:, :1].expand(-1, weight.shape[1], *first.films.shape[2:])
    transposed: Tensor = TransposedConvolution.apply(ratio, weight, wide, geometry)  # type: ignore[no-untyped-call]
    return transposed


def _statistics(norm: ExplainableBatchNorm, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / deviation per channel with which ``norm`` normalised ``inputs``."""
    mean, variance = norm.running_mean, norm.running_var
    if norm.training or mean is None or variance is None:
        dims = [dim for dim in range(inputs.dim()) if dim != 1]
        variance, mean = torch.var_mean(inputs, dim=dims, correction=0)
    return mean, torch.rsqrt(variance + norm.eps)
