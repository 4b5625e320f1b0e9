"""Concatenation whose relevance pass, a split, is differentiated by one concatenation.

PyTorch differentiates every slice of a split by itself: it fills a tensor as large as the whole
with zeros, copies, and adds. A DenseNet concatenates in every layer.
"""

from typing import Any

import torch
from torch import Tensor

from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch


class SplitGradient(torch.autograd.Function):
    """The parts of a gradient along a dimension."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, dim: int, sizes: list[int]) -> tuple[Tensor, ...]:
        """Split ``gradient`` into parts of ``sizes``.

        Small parts are copied: kept for the second derivative as views, they would keep all of it.
        """
        ctx.dim = dim
        half = sum(sizes) / 2
        parts = torch.split(gradient, sizes, dim)
        return tuple(part.clone() if part.shape[dim] < half else part for part in parts)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        """Put the parts together again."""
        return torch.cat(upstream, ctx.dim), None, None


class RelevanceConcatenation(torch.autograd.Function):
    """``torch.cat``; its relevance pass is ``SplitGradient``."""

    @staticmethod
    def forward(ctx: Any, dim: int, switch: RelevanceSwitch, *parts: Tensor) -> Tensor:
        """Concatenate ``parts`` along ``dim``."""
        ctx.dim, ctx.switch = dim, switch
        ctx.sizes = [part.shape[dim] for part in parts]
        return torch.cat(parts, dim)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Split the gradient, so that it can be differentiated cheaply in the relevance pass."""
        if ctx.switch.is_on:
            return None, None, *SplitGradient.apply(gradient, ctx.dim, ctx.sizes)  # type: ignore[no-untyped-call]
        return None, None, *torch.split(gradient, ctx.sizes, ctx.dim)
