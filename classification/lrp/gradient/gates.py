"""Gates: layers whose output multiplies a signal, such as an attention's sigmoid.

Relevance takes the signal's way and passes a gate as the constant that it was ("signal takes all",
Arras et al. 2017, doi:10.18653/v1/W17-5221). What a gate reads is therefore not in the heatmap.
"""

from typing import Any

import torch
from torch import Tensor

from isnet_cxr.classification.lrp.gradient.switch import RelevanceSwitch


class RelevanceGate(torch.autograd.Function):
    """The identity; a constant in the relevance pass."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, switch: RelevanceSwitch) -> Tensor:
        """Return ``output`` as it is."""
        ctx.switch = switch
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        """Pass nothing in the relevance pass."""
        return (None if ctx.switch.is_on else gradient), None
