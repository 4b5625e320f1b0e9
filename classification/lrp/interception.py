"""What a network calls by itself, outside of layers, while it is recorded."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from classification.lrp.concatenation import RelevanceConcatenation
from classification.lrp.convolution import Geometry, RelevanceConvolution
from classification.lrp.switch import RelevanceSwitch

CONVOLUTIONS = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}


class Interception(TorchFunctionMode):
    """Replaces functions by equal ones that know the relevance pass, in this thread."""

    def __init__(self, switch: RelevanceSwitch) -> None:
        """Give the functions of a recording its ``switch``."""
        super().__init__()
        self._switch = switch

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` or what stands in for it."""
        options = kwargs or {}
        if func in CONVOLUTIONS:
            return self._convolve(func, CONVOLUTIONS[func], *args, **options)
        if func is torch.cat:
            return self._concatenate(*args, **options)
        return func(*args, **options)

    def _convolve(
        self,
        func: Callable[..., Tensor],
        dims: int,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        if isinstance(padding, str) or input.dim() != dims + 2:
            return func(input, weight, bias, stride, padding, dilation, groups)
        kind = input.device.type
        if torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
            input, weight = input.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        each = [tuple(v) if not isinstance(v, int) else (v,) * dims for v in (stride, padding, dilation)]
        return RelevanceConvolution.apply(input, weight, bias, Geometry(*each, groups), self._switch)

    def _concatenate(self, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
        if len({t.dtype for t in tensors})>1: return torch.cat(tensors, dim)
        return RelevanceConcatenation.apply(dim, self._switch, *tensors)
