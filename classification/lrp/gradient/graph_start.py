"""A graph that starts in the middle of a network whose weights are frozen."""

from typing import Any

import torch
from torch import Tensor


class _Start(torch.autograd.Function):
    """Return the values as they are, as if they had been computed from ``anchor``."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, anchor: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None]:
        return None, None


def begin_graph(values: Tensor) -> Tensor:
    """Return ``values``, which have no graph, with one that begins here.

    They are no leaf, so that a ReLU may overwrite them, and no copy.
    """
    anchor = torch.zeros((), requires_grad=True)
    started: Tensor = _Start.apply(values, anchor)  # type: ignore[no-untyped-call]
    return started
