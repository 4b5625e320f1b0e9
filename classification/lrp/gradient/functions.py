"""ReLU and batch norm that know two backward passes: ordinary and relevance.

The relevance pass is an ordinary backward pass in which a ReLU multiplies by ``y / (y + eps)``
(LRP-epsilon; Bassi et al. 2024, doi:10.1109/ACCESS.2024.3487474, LRP-Flex) and batch norm is the
affine map it was in the forward pass, its statistics being constants. All other layers of a ReLU
network keep their gradient: it is what LRP-0 does with them.

The heatmap loss is then differentiated *through* that pass; in this second backward, and in
every other, all functions have their ordinary derivatives. What the relevance pass keeps for it is
shared between neighbours, so that a recorded step needs less than twice a baseline step's
memory.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isnet_cxr.classification.lrp.gradient.sweeps import in_blocks
from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch

TINY = 1e-30  # keeps 0 / 0 from being computed where a unit is idle


class StabilisedGradient(torch.autograd.Function):
    """``h = g * y / (y + eps)``, for ``y >= 0``, differentiable in both.

    Keeps ``h``, which the next layer of the relevance pass keeps as well, instead of ``g``.
    """

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, output: Tensor, epsilon: float) -> Tensor:
        """Scale the gradient by the ReLU's share of its stabilised output."""
        scaled = torch.empty_like(output)
        for h, y, g in in_blocks(scaled, output, gradient):
            torch.add(y, epsilon, out=h)
            torch.div(y, h, out=h).mul_(g)
        ctx.save_for_backward(scaled, output)
        ctx.epsilon = epsilon
        return scaled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        """Differentiate once more; the ReLU's own derivative follows behind ``output``.

        ``dh/dg = y / (y + eps)``, ``dh/dy = g * eps / (y + eps)^2 = h / y * eps / (y + eps)``.
        """
        scaled, output = ctx.saved_tensors
        to_gradient = torch.empty_like(output)
        to_output = torch.empty_like(output)
        one = output.new_ones(())
        blocks = in_blocks(to_gradient, to_output, upstream, scaled, output)
        for to_g, to_y, u, h, y in blocks:  # no other memory, which would not be in the cache
            torch.clamp_min(y, TINY, out=to_g)
            torch.div(h, to_g, out=to_y)
            torch.add(one, y, alpha=1 / ctx.epsilon, out=to_g)
            torch.div(u, to_g, out=to_g)  # u * eps / (y + eps)
            to_y.mul_(to_g)
            torch.sub(u, to_g, out=to_g)
        return to_gradient, to_output, None


class RelevanceReLU(torch.autograd.Function):
    """ReLU; in the relevance pass its derivative is ``y / (y + eps)``."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, switch: RelevanceSwitch, in_place: bool) -> Tensor:
        """Clamp at zero."""
        if in_place:
            ctx.mark_dirty(inputs)
        output = inputs.clamp_min_(0) if in_place else inputs.clamp_min(0)
        ctx.save_for_backward(output)
        ctx.switch = switch
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Choose the derivative by the pass that is running."""
        (output,) = ctx.saved_tensors
        switch: RelevanceSwitch = ctx.switch
        if switch.is_on and switch.epsilon > 0:
            scaled = StabilisedGradient.apply(gradient, output, switch.epsilon)  # type: ignore[no-untyped-call]
            return scaled, None, None
        return torch.ops.aten.threshold_backward(gradient, output, 0), None, None


class ScaledGradient(torch.autograd.Function):
    """``g * scale``, one factor per channel, differentiable in both."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, scale: Tensor) -> Tensor:
        """Scale every channel of ``gradient`` (B, C, ...)."""
        ctx.save_for_backward(gradient, scale)
        return gradient * scale.view(1, -1, *(1,) * (gradient.dim() - 2)).to(gradient.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        """``u * scale``, and the sum of ``u * g`` per channel, in one sweep over the memory.

        A batch norm's backward kernel with statistics 0 and 1 does just that.
        """
        gradient, scale = ctx.saved_tensors
        zeros, ones = torch.zeros_like(scale), torch.ones_like(scale)
        to_gradient, to_scale, _ = torch.ops.aten.native_batch_norm_backward(
            upstream, gradient, scale, zeros, ones, None, None, False, 0.0, [True, True, False]
        )
        return to_gradient, to_scale, None


def scaled_from(gradient: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return what a ``ScaledGradient`` made ``gradient`` of, and the scale; None if none did."""
    maker = gradient.grad_fn
    if maker is None or maker.name() != f"{ScaledGradient.__name__}Backward":
        return None
    unscaled, scale = maker.saved_tensors  # type: ignore[attr-defined]
    return unscaled.detach(), scale.detach().to(gradient.dtype)


class RelevanceBatchNorm(torch.autograd.Function):
    """Batch norm that leaves the running statistics alone.

    Normalises by the batch in training and by the running statistics in evaluation. In the
    relevance pass it is ``x * scale + shift`` with ``scale = weight / deviation``, the deviation
    being a constant, so that one image's heatmap does not depend on the gradient of the others.
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
        # A frozen one in evaluation is a scale: what it read may be forgotten.
        kept = inputs if use_batch or any(ctx.needs_input_grad[1:3]) else None
        ctx.save_for_backward(kept, weight, batch_mean, batch_rstd, rstd, mean, variance)
        ctx.use_batch, ctx.eps, ctx.switch = use_batch, eps, switch
        ctx.statistics = (batch_mean if use_batch else mean, rstd)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Scale by a constant in the relevance pass; differentiate the statistics otherwise."""
        inputs, weight, batch_mean, batch_rstd, rstd, mean, variance = ctx.saved_tensors
        nothing = (None,) * 5
        if ctx.switch.is_on or inputs is None:
            scale = rstd if weight is None else weight * rstd.to(weight.dtype)
            return ScaledGradient.apply(gradient, scale), None, None, *nothing  # type: ignore[no-untyped-call]
        to_inputs, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, inputs, weight, mean, variance, batch_mean, batch_rstd,
            ctx.use_batch, ctx.eps, [True, True, True],
        )  # fmt: skip
        return to_inputs, to_weight, to_bias, *nothing
