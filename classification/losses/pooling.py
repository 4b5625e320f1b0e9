"""Global weighted ranked pooling (GWRP): between the maximum and the mean."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from isnet_cxr.data.errors import InputError

NEGLIGIBLE = 1e-7  # ranks with a smaller weight cannot be seen in float32


@lru_cache(maxsize=64)
def count_ranks(size: int, decay: float) -> int:
    """How many of ``size`` ranked values have a weight that matters."""
    if decay >= 1 or size == 1:
        return size
    if decay <= 0:
        return 1
    return min(size, math.ceil(math.log(NEGLIGIBLE) / math.log(decay)))


def gwrp(values: Tensor, *, decay: float) -> Tensor:
    """Average ``values`` with the weight ``decay ** rank``, the largest first.

    ``decay`` 0 is the maximum, 1 the mean; about ``1 / (1 - decay)`` values matter. Only ranks
    whose weight float32 can see are sorted, which is exact to rounding.

    Args:
        values: (..., N).
        decay: In [0, 1].

    Returns:
        (...).

    Raises:
        InputError: If ``decay`` is outside [0, 1].
    """
    if not 0 <= decay <= 1:
        raise InputError(f"decay must lie in [0, 1], got {decay}")
    if decay == 1:
        return values.mean(dim=-1)
    size = values.shape[-1]
    largest = values.topk(count_ranks(size, decay), dim=-1).values
    ranks = torch.arange(largest.shape[-1], device=values.device, dtype=values.dtype)
    weights = torch.pow(torch.tensor(decay, device=values.device, dtype=values.dtype), ranks)
    total = (1 - decay**size) / (1 - decay)
    return largest @ (weights / total)
