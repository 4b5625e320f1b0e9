"""From the first layer's relevance to the pixels: the zB rule, or epsilon without it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.nn.modules.conv import _ConvNd

from isnet_cxr.classification.lrp.gradient.convolution import Geometry, TransposedConvolution
from isnet_cxr.classification.lrp.gradient.functions import TINY
from isnet_cxr.classification.lrp.gradient.layers import ExplainableBatchNorm


@dataclass
class FirstLayer:
    """The first layer as it was recorded, fused with the batch norm and ReLU right behind it.

    Attributes:
        layer: The convolution or linear layer that read the images.
        images: What it read, (B, C, ...) in [0, 1].
        output: What left layer, batch norm and ReLU, with its graph.
        weight: Of layer and batch norm as one affine map, (outputs, inputs, ...).
        bias: Of the same map, (outputs,), or None.
        norm: The batch norm, if there is one.
        has_relu: Whether a ReLU stands right behind them.
        steps: Where autograd computed the outputs of layer, batch norm and ReLU, as far as they
            are one map.
    """

    layer: _ConvNd | nn.Linear
    images: Tensor
    output: Tensor
    weight: Tensor
    bias: Tensor | None
    norm: ExplainableBatchNorm | None = None
    has_relu: bool = False
    steps: list[GradientEdge] = field(default_factory=list)

    @property
    def edge(self) -> GradientEdge:
        """Where ``output`` was computed."""
        return self.steps[-1]

    def note_step(self) -> None:
        """Note where ``output`` was computed; it may be overwritten in place later."""
        if self.output.requires_grad:
            self.steps.append(get_gradient_edge(self.output))

    def is_read_by(self, result: Tensor) -> bool:
        """Whether ``result`` was computed of ``output`` as it was, not of what overwrote it."""
        if result.grad_fn is None or not self.steps:
            return not self.steps
        return result.grad_fn.next_functions[0][0] is self.steps[-1].node

    def can_take_norm(self) -> bool:
        """Whether a batch norm that reads ``output`` scales the rows of ``weight``.

        Not behind a ReLU or another one; and behind a linear layer on more than two dimensions it
        scales what are no rows.
        """
        is_by_row = isinstance(self.layer, _ConvNd) or self.output.dim() == 2  # noqa: PLR2004
        return is_by_row and self.norm is None and not self.has_relu

    def add_norm(self, norm: ExplainableBatchNorm, output: Tensor) -> None:
        """Fuse the batch norm that read this layer's output; its statistics are constants."""
        # A recorded batch norm's step of the graph has them; without a graph they are taken anew.
        known = getattr(output.grad_fn, "statistics", None)
        mean, rstd = known or _statistics(norm, self.output.detach())
        scale = rstd if norm.weight is None else norm.weight * rstd
        shift = (-mean if self.bias is None else self.bias - mean) * scale
        self.weight = self.weight * scale.view(-1, *(1,) * (self.weight.dim() - 1))
        self.bias = shift if norm.bias is None else shift + norm.bias
        self.output, self.norm = output, norm
        self.note_step()

    def add_relu(self, output: Tensor) -> None:
        """Note the ReLU that read this layer's output."""
        self.output, self.has_relu = output, True
        self.note_step()

    def as_read(self, readers: Counter[Node]) -> "FirstLayer":
        """Return this map as far as nothing else reads what lies inside of it.

        Args:
            readers: Of every step of the forward pass.

        Raises:
            ValueError: If the layer was recorded without a graph.
        """
        if not self.steps:
            raise ValueError(
                "the first layer was recorded without a graph: record with gradients enabled"
            )
        read_inside = [readers[step.node] > 1 for step in self.steps[:-1]]
        if any(read_inside):
            return self._cut_behind(read_inside.index(True))
        is_overwritten = self.output.grad_fn is not self.steps[-1].node
        if is_overwritten and not self.has_relu:  # a ReLU's has been saved: autograd complains
            return self._cut_behind(len(self.steps) - 1)
        return self

    def _cut_behind(self, last: int) -> "FirstLayer":
        """Return this map up to its step ``last``, computed anew: it may be overwritten by now."""
        layer, weight = self.layer, self.layer.weight
        steps = self.steps[: last + 1]
        with torch.autocast(self.images.device.type, enabled=False):
            output = _apply(layer, self.images.to(weight.dtype), weight, layer.bias)
            if last == 0 or self.norm is None:
                return FirstLayer(layer, self.images, output, weight, layer.bias, steps=steps)
            output = _normalise(self.norm, output)
        return FirstLayer(layer, self.images, output, self.weight, self.bias, steps=steps)


class StabilisedRatio(torch.autograd.Function):
    """``s = y * g / (y - low)``, image by image, so that all its steps find an image in the cache.

    Behind a ReLU it keeps ``s``, which the convolution to the pixels keeps as well, instead of
    ``g``: where ``y`` is 0 nothing passes the ReLU.
    """

    @staticmethod
    def forward(
        ctx: Any, output: Tensor, gradient: Tensor, low: Tensor, is_rectified: bool
    ) -> Tensor:
        """Divide relevance ``y * g`` (B, ...) by the outputs above ``low`` (1, ...)."""
        ratio = torch.empty_like(output)
        for s, y, g in zip(ratio, output, gradient, strict=True):
            torch.sub(y, low[0], out=s)
            torch.div(y, s, out=s).mul_(g)
        ctx.is_rectified = is_rectified
        ctx.save_for_backward(output, ratio if is_rectified else gradient, low)
        return ratio

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Differentiate by all three.

        ``ds/dg = y / (y - low)``, ``ds/dlow = s / (y - low)``, ``ds/dy = (g - s) / (y - low)``.
        """
        output, kept, low = ctx.saved_tensors
        to_output, to_gradient = torch.empty_like(output), torch.empty_like(output)
        to_low = torch.zeros_like(low)
        images = zip(to_output, to_gradient, upstream, output, kept, strict=True)
        for to_y, to_g, u, y, gradient_or_ratio in images:
            above = y - low[0]
            torch.div(u, above, out=to_y)
            torch.mul(to_y, y, out=to_g)
            if ctx.is_rectified:
                ratio = gradient_or_ratio
                gradient = ratio * above / y.clamp_min(TINY)
            else:
                gradient = gradient_or_ratio
                ratio = y * gradient / above
            to_low[0] += to_y * ratio
            to_y.mul_(gradient - ratio)
        return to_output, to_gradient, to_low, None


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
        Signed relevance of the pixels, shape of ``first.images``.
    """
    weight, bias = first.weight, first.bias
    negative = weight.clamp_max(0)
    lowest_bias = None if bias is None else bias.clamp_max(0)
    lowest = _apply(first.layer, torch.ones_like(first.images[:1]), negative, lowest_bias)
    output, gradient = first.output.to(weight.dtype), gradient.to(weight.dtype)
    ratio: Tensor = StabilisedRatio.apply(  # type: ignore[no-untyped-call]
        output, gradient, lowest - stabiliser, first.has_relu
    )
    both = _transpose(first, ratio, torch.cat([weight, negative], dim=1))
    to_pixels, to_ones = both.chunk(2, dim=1 if isinstance(first.layer, _ConvNd) else -1)
    return first.images * to_pixels - to_ones


def propagate_epsilon(first: FirstLayer, gradient: Tensor, *, stabiliser: float) -> Tensor:
    """Pass relevance from the first layer's output to the pixels by LRP-epsilon.

    Takes and returns what ``propagate_zb`` does; a pixel of 0 gets no relevance. Without a
    stabiliser it is exactly gradient x input.
    """
    output, gradient = first.output.to(first.weight.dtype), gradient.to(first.weight.dtype)
    if first.has_relu and stabiliser > 0:
        gradient = gradient * (output / (output + stabiliser))
    elif first.has_relu:
        gradient = gradient * (output > 0)
    return first.images * _transpose(first, gradient, first.weight)


def _apply(
    layer: _ConvNd | nn.Linear, images: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Apply ``layer`` with another weight and bias."""
    if isinstance(layer, _ConvNd):
        return layer._conv_forward(images, weight, bias)
    return nn.functional.linear(images, weight, bias)


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
    wide = first.images.detach()[:, :1].expand(-1, weight.shape[1], *first.images.shape[2:])
    transposed: Tensor = TransposedConvolution.apply(ratio, weight, wide, geometry)  # type: ignore[no-untyped-call]
    return transposed


def _normalise(norm: ExplainableBatchNorm, inputs: Tensor) -> Tensor:
    """Apply ``norm`` as it was recorded, without moving its running statistics."""
    use_batch = norm.training or norm.running_mean is None
    mean, variance = (None, None) if use_batch else (norm.running_mean, norm.running_var)
    return nn.functional.batch_norm(
        inputs, mean, variance, norm.weight, norm.bias, use_batch, 0.0, norm.eps
    )


def _statistics(norm: ExplainableBatchNorm, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / deviation per channel with which ``norm`` normalised ``inputs``."""
    mean, variance = norm.running_mean, norm.running_var
    if norm.training or mean is None or variance is None:
        dims = [dim for dim in range(inputs.dim()) if dim != 1]
        variance, mean = torch.var_mean(inputs, dim=dims, correction=0)
    return mean, torch.rsqrt(variance + norm.eps)
