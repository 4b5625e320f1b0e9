"""Convolutions whose relevance pass is cheap to differentiate.

The relevance pass through a convolution is its transpose, ``W^T g``, bilinear in both. PyTorch
differentiates that by ``W`` as a convolution whose kernel is as large as the image, several times
slower than the kernel that gives ordinary weight gradients; yet it is the same sum of products:
``<u, W^T g> = <W u, g>``, the weight gradient of a convolution that read ``u`` and got ``g``.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

from isnet_cxr.classification.lrp.functions import scaled_from
from isnet_cxr.classification.lrp.switch import RelevanceSwitch

Mask = tuple[bool, bool, bool]
FEW_CHANNELS = 8  # of images: the zB rule pulls twice theirs back at once


@dataclass(frozen=True)
class Geometry:
    """How a convolution moves over its input, one number per spatial dimension."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def apply(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve ``inputs`` (B, C, ...)."""
        if self.is_pointwise(weight) and _can_use_onednn(inputs, weight):
            return _map_pixels(inputs, weight, bias)
        origin = [0] * len(self.stride)
        outputs: Tensor = torch.ops.aten.convolution(
            inputs, weight, bias, self.stride, self.padding, self.dilation, False, origin,
            self.groups,
        )  # fmt: skip
        return outputs

    def is_pointwise(self, weight: Tensor) -> bool:
        """Whether every pixel is mapped by itself (a 1 x 1 convolution), on the CPU.

        On one thread torch takes a slow kernel for it.
        """
        moves = self.groups > 1 or any(self.padding) or any(step > 1 for step in self.stride)
        return not moves and weight[0, 0].numel() == 1 and weight.device.type == "cpu"

    def _pull_pixels_back(self, gradient: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
        """Apply the transpose of a pointwise convolution, in the layout of ``inputs``."""
        if _can_use_onednn(gradient, weight):
            return _map_pixels(gradient, weight.transpose(0, 1).contiguous(), None)
        matrix = weight.flatten(1)
        if inputs.is_contiguous():
            each = matrix.t().expand(len(gradient), -1, -1)
            return torch.bmm(each, gradient.flatten(2)).view(inputs.shape)
        return torch.matmul(gradient.movedim(1, -1), matrix).movedim(-1, 1)

    def _reads_pixels(self, inputs: Tensor, weight: Tensor) -> bool:
        """Whether this is a first layer's convolution on the CPU: few channels, large images."""
        few = weight.shape[1] <= FEW_CHANNELS and self.groups == 1
        return few and inputs.dim() == 4 and inputs.device.type == "cpu"  # noqa: PLR2004

    def _fold_back(self, gradient: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
        """Apply the transpose as a product of matrices whose columns are summed where they overlap.

        Image by image: the columns, as many as a kernel has weights, stay in the cache.
        """
        matrix, size = weight.flatten(1).t().contiguous(), inputs.shape[2:]
        kernel, dilation = tuple(weight.shape[2:]), self.dilation
        pulled = [
            F.fold(
                (matrix @ image.flatten(1))[None], size, kernel, dilation, self.padding, self.stride
            )
            for image in gradient
        ]
        return torch.cat(pulled)

    def gradients(
        self, gradient: Tensor, inputs: Tensor, weight: Tensor, mask: Mask
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients by inputs, weight and bias, those of the ``mask``."""
        if mask[0] and self.is_pointwise(weight):
            by_inputs = self._pull_pixels_back(gradient, inputs, weight)
            if not any(mask[1:]):
                return by_inputs, None, None
            _, by_weight, by_bias = self.gradients(gradient, inputs, weight, (False, *mask[1:]))
            return by_inputs, by_weight, by_bias
        if mask == (True, False, False) and self._reads_pixels(inputs, weight):
            return self._fold_back(gradient, inputs, weight), None, None
        origin, biases = [0] * len(self.stride), [weight.shape[0]] if mask[2] else None
        by_inputs, by_weight, by_bias = torch.ops.aten.convolution_backward(
            gradient, inputs, weight, biases, self.stride, self.padding, self.dilation, False,
            origin, self.groups, mask,
        )  # fmt: skip
        return by_inputs, by_weight, by_bias


def _is_intel() -> bool:
    """Whether this machine's processor is Intel's: MKL's products of matrices are fastest there."""
    return "Intel" in str(torch.cpu.get_capabilities().get("cpu_name", ""))


def _can_use_onednn(inputs: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN's convolution, which torch leaves aside on one thread, takes these."""
    if _is_intel():
        return False
    is_float32 = inputs.dtype == weight.dtype == torch.float32
    is_image = inputs.dim() == 4 and inputs.numel() > 0  # noqa: PLR2004
    onednn = torch.backends.mkldnn
    return is_float32 and is_image and bool(onednn.is_available() and onednn.enabled)  # type: ignore[no-untyped-call]


def _map_pixels(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Map the channels of every pixel by ``weight`` (outputs, inputs, 1, 1), by oneDNN."""
    outputs: Tensor = torch.ops.aten.mkldnn_convolution(
        inputs, weight, bias, [0, 0], [1, 1], [1, 1], 1
    )
    return outputs


class TransposedConvolution(torch.autograd.Function):
    """``W^T g``: from a convolution's outputs back to its inputs, differentiable in both.

    A gradient that a batch norm has scaled, ``g = c * h`` with one ``c`` per channel, is not kept:
    the batch norm keeps ``h``, and ``c`` may as well scale the weight's gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, weight: Tensor, inputs: Tensor, geometry: Geometry
    ) -> Tensor:
        """Pull ``gradient`` back; ``inputs`` gives shape and layout, no values."""
        scaled = scaled_from(gradient)
        kept, scale = scaled or (gradient, None)
        ctx.save_for_backward(kept, weight, scale)
        ctx.geometry = geometry
        pulled, _, _ = geometry.gradients(gradient, inputs, weight, (True, False, False))
        return pulled  # type: ignore[return-value]  # asked for by the mask

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Push ``upstream`` through the convolution, and correlate it with the gradient."""
        gradient, weight, scale = ctx.saved_tensors
        to_gradient, to_weight = None, None
        if ctx.needs_input_grad[0]:
            to_gradient = ctx.geometry.apply(upstream, weight)
        if ctx.needs_input_grad[1]:
            _, to_weight, _ = ctx.geometry.gradients(
                gradient, upstream, weight, (False, True, False)
            )
            if to_weight is not None and scale is not None:
                to_weight = to_weight * scale.view(-1, *(1,) * (weight.dim() - 1))
        return to_gradient, to_weight, None, None


class RelevanceConvolution(torch.autograd.Function):
    """A convolution; in the relevance pass only its input is differentiated by."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: Geometry,
        switch: RelevanceSwitch,
    ) -> Tensor:
        """Convolve ``inputs`` (B, C, ...)."""
        ctx.save_for_backward(inputs, weight)
        ctx.geometry, ctx.switch = geometry, switch
        return geometry.apply(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Choose what is differentiated by the pass that is running."""
        inputs, weight = ctx.saved_tensors
        if ctx.switch.is_on:
            pulled = TransposedConvolution.apply(gradient, weight, inputs.detach(), ctx.geometry)  # type: ignore[no-untyped-call]
            return pulled, None, None, None, None
        mask = ctx.needs_input_grad[:3]
        return (*ctx.geometry.gradients(gradient, inputs, weight, mask), None, None)
