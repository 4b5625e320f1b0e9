"""ReLU and batch norm that know two backward passes: the ordinary one and the relevance pass.

The relevance pass is an ordinary backward pass in which a ReLU multiplies by ``y / (y + eps)``
(LRP-epsilon; Bassi et al. 2024, doi:10.1109/ACCESS.2024.3487474, LRP-Flex) and batch norm is the
affine map it was in the forward pass, its statistics being constants. All other layers of a ReLU
network keep their gradient: it is what LRP-0 does with them.

The heatmap loss is then differentiated *through* that pass; in this second backward, and in
every other, both functions have their ordinary derivatives.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class RelevanceSwitch:
    """Says, for the layers of one recorded forward pass, which backward pass is running.

    Attributes:
        epsilon: Stabiliser of LRP-epsilon at the ReLUs, in the units of their outputs.
        is_on: True while relevance is propagated.
    """

    epsilon: float
    is_on: bool = False


class StabilisedGradient(torch.autograd.Function):
    """``g * y / (y + eps)``, for ``y >= 0``, differentiable in both."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, output: Tensor, epsilon: float) -> Tensor:
        """Scale the gradient by the ReLU's share of its stabilised output."""
        ctx.save_for_backward(gradient, output)
        ctx.epsilon = epsilon
        return gradient * (output / (output + epsilon))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Differentiate once more; the ReLU's own derivative follows behind ``output``."""
        gradient, output = ctx.saved_tensors
        stabilised = output + ctx.epsilon
        scaled = upstream / stabilised
        to_gradient = scaled * output
        to_output = scaled * gradient * (ctx.epsilon / stabilised)
        return to_gradient, to_output, None


class RelevanceReLU(torch.autograd.Function):
    """ReLU; in the relevance pass its derivative is ``y / (y + eps)``."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, switch: RelevanceSwitch) -> Tensor:
        """Clamp at zero."""
        output = inputs.clamp_min(0)
        ctx.save_for_backward(output)
        ctx.switch = switch
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Choose the derivative by the pass that is running."""
        (output,) = ctx.saved_tensors
        switch: RelevanceSwitch = ctx.switch
        if switch.is_on and switch.epsilon > 0:
            scaled = StabilisedGradient.apply(gradient, output, switch.epsilon)  # type: ignore[no-untyped-call]
            return scaled, None
        return torch.ops.aten.threshold_backward(gradient, output, 0), None


class RelevanceBatchNorm(torch.autograd.Function):
    """Batch norm that leaves the running statistics alone.

    Normalises by the batch in training and by the running statistics in evaluation. In the
    relevance pass it is ``x * scale + shift`` with ``scale = weight / deviation``, the deviation
    being a constant, so that one film's heatmap does not depend on the gradient of the others.
    """

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  autograd functions take their arguments by position
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        use_batch: bool,
        eps: float,
        switch: RelevanceSwitch,
    ) -> Tensor:
        """Normalise each channel of ``inputs`` (B, C, ...)."""
        if use_batch:
            mean, variance = None, None
        else:
            mean, variance = running_mean, running_var
        output, batch_mean, batch_rstd = torch.native_batch_norm(
            inputs, weight, bias, mean, variance, use_batch, 0.0, eps
        )
        rstd = batch_rstd
        if not use_batch:
            if variance is None:
                raise ValueError("batch norm in evaluation needs running statistics")
            rstd = torch.rsqrt(variance + eps)
        ctx.save_for_backward(inputs, weight, batch_mean, batch_rstd, rstd, mean, variance)
        ctx.use_batch, ctx.eps, ctx.switch = use_batch, eps, switch
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Scale by a constant in the relevance pass; differentiate the statistics otherwise."""
        inputs, weight, batch_mean, batch_rstd, rstd, mean, variance = ctx.saved_tensors
        nothing = (None,) * 5
        if ctx.switch.is_on:
            shape = (1, -1) + (1,) * (gradient.dim() - 2)
            return gradient * (weight * rstd.to(weight.dtype)).view(shape), None, None, *nothing
        to_inputs, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, inputs, weight, mean, variance, batch_mean, batch_rstd,
            ctx.use_batch, ctx.eps, [True, True, True],
        )  # fmt: skip
        return to_inputs, to_weight, to_bias, *nothing
