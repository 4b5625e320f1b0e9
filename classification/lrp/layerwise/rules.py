"""Rules that pass relevance from a layer's outputs back to its inputs, one function per rule.

Rules keep the autograd graph: a loss on the heatmap trains the weights through them. Notation:
inputs a_j, outputs z_k, relevance R (Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10, whose
table 1 has the rules). Dropout and reshaping pass relevance on; a ReLU does as well, or absorbs a
little of it (``propagate_relu``).

>>> layer = map_of_layer(nn.Linear(4, 2))
>>> outputs = layer(activations)
>>> relevance = propagate_epsilon(layer, activations, outputs, outputs, stabiliser=1e-6)

The outputs are handed in as the forward pass made them, with its graph: recomputed ones would have
the same values, but in training another derivative, without that of the batch's statistics.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from isnet_cxr.classification.lrp.layerwise.linear_maps import LinearMap, pull_back
from isnet_cxr.data.errors import InputError

Rule = Callable[[LinearMap, Tensor, Tensor, Tensor], Tensor]
"""Relevance of the inputs from (layer, activations, outputs, relevance of the outputs)."""


def propagate_zero(
    layer: LinearMap, activations: Tensor, outputs: Tensor, relevance: Tensor
) -> Tensor:
    """Give each input the share a_j w_jk / z_k of every output's relevance (LRP-0).

    Args:
        layer: The layer; its bias keeps its own share.
        activations: What entered the layer, (B, ...).
        outputs: What left it, ``layer(activations)``.
        relevance: Relevance of the outputs, same shape; none where an output is exactly 0.

    Returns:
        Relevance of the inputs, shape of ``activations``.

    Raises:
        InputError: If ``relevance`` does not have the shape of ``outputs``.
    """
    return propagate_epsilon(layer, activations, outputs, relevance, stabiliser=0)


def propagate_epsilon(
    layer: LinearMap, activations: Tensor, outputs: Tensor, relevance: Tensor, *, stabiliser: float
) -> Tensor:
    """Give each input the share a_j w_jk / (z_k + sign(z_k) eps): LRP-epsilon.

    Takes and returns what ``propagate_zero`` does; ``stabiliser`` is eps, in the units of the
    outputs. Larger values absorb weak relevance.
    """
    _check_shape(relevance, outputs)
    ratio = _ratio(relevance, outputs, stabiliser)
    return activations * layer.transpose(ratio, like=activations)


def propagate_z_plus(
    layer: LinearMap, activations: Tensor, outputs: Tensor, relevance: Tensor, *, stabiliser: float
) -> Tensor:
    """Give each input its share of the positive contributions to every output (LRP-z+).

    Behind a ReLU, where activations are not negative, a contribution is positive where its weight
    is; for other activations negative weights of negative ones count as well. Takes and returns
    what ``propagate_epsilon`` does, and relevance keeps its sign.
    """
    _check_shape(relevance, outputs)
    share, _ = _signed_share(layer, activations, relevance, stabiliser, sign=1)
    return share


def propagate_alpha_beta(
    layer: LinearMap,
    activations: Tensor,
    outputs: Tensor,
    relevance: Tensor,
    *,
    alpha: float,
    stabiliser: float,
) -> Tensor:
    """Weigh positive contributions by alpha and negative ones by beta = alpha - 1, for display.

    An output without negative contributions (a pooling of ReLUs, say) passes its relevance on as
    it is, instead of alpha times. Otherwise takes and returns what ``propagate_epsilon`` does.

    Raises:
        InputError: If alpha is below 1, or the shapes disagree.
    """
    if alpha < 1:
        raise InputError(f"alpha must be at least 1, got {alpha}")
    _check_shape(relevance, outputs)
    beta = alpha - 1
    _, negative_sum = _signed_share(layer, activations, relevance, stabiliser, sign=-1)
    is_mixed = negative_sum < 0
    upper, _ = _signed_share(
        layer, activations, torch.where(is_mixed, alpha * relevance, relevance), stabiliser, sign=1
    )
    lower, _ = _signed_share(
        layer, activations, torch.where(is_mixed, beta * relevance, 0), stabiliser, sign=-1
    )
    return upper - lower


def propagate_zb(
    layer: LinearMap,
    pixels: Tensor,
    outputs: Tensor,
    relevance: Tensor,
    *,
    low: float = 0.0,
    high: float = 1.0,
    stabiliser: float,
) -> Tensor:
    """Give each pixel its share under the zB rule, for a layer that reads bounded pixels.

    ``s = R / (z - l W+ 1 - h W- 1 - b- + stabiliser)``, whose denominator is never negative, and
    ``R_pixel = x (W^T s) - l (W+^T s) - h (W-^T s)``.

    Args:
        layer: The first layer, fused with its batch norm.
        pixels: What it read, (B, C, ...) in [low, high].
        outputs: What left it.
        relevance: Relevance of the outputs, same shape.
        low: Least possible pixel.
        high: Greatest possible pixel.
        stabiliser: Added to the denominator, in the units of the outputs.

    Returns:
        Relevance of the pixels; of the relevance's sign when it has but one.

    Raises:
        InputError: If a pixel is outside the bounds, or the shapes disagree.
    """
    _check_shape(relevance, outputs)
    darkest, brightest = pixels.detach().aminmax()
    if darkest < low or brightest > high:
        raise InputError(
            f"pixels must lie in [{low:g}, {high:g}], got {darkest:.4g} to {brightest:.4g}"
        )
    positive, negative = layer.positive().without_bias(), layer.negative()
    ones = torch.ones_like(pixels[:1])
    lowest = positive(low * ones) + negative(high * ones)
    ratio = _ratio(relevance, outputs - lowest, stabiliser)
    return (
        pixels * layer.transpose(ratio, like=pixels)
        - low * positive.transpose(ratio, like=pixels)
        - high * negative.transpose(ratio, like=pixels)
    )


def propagate_relu(outputs: Tensor, relevance: Tensor, *, stabiliser: float) -> Tensor:
    """Pass the share y / (y + eps) of a ReLU's relevance on; all of it when eps is 0.

    Followed by LRP-0 of the layer before, this is LRP-epsilon of that layer with the stabiliser,
    whatever the layer is: relevance is zero where the ReLU is idle.
    """
    _check_shape(relevance, outputs)
    return relevance * (outputs / (outputs + stabiliser)) if stabiliser > 0 else relevance


def propagate_max_pool(
    pool: Callable[[Tensor], Tensor],
    activations: Tensor,
    outputs: Tensor,
    relevance: Tensor,
    *,
    stabiliser: float,
) -> Tensor:
    """Give the winner of every window all of its relevance.

    Takes and returns what ``propagate_epsilon`` does; a winner of value z gets ``z / (z + eps)``.
    """
    _check_shape(relevance, outputs)
    if stabiliser > 0:
        relevance = outputs * _ratio(relevance, outputs, stabiliser)
    return pull_back(pool, relevance, at=activations)


def propagate_sum(
    rule: Rule, summands: Sequence[Tensor], outputs: Tensor, relevance: Tensor
) -> tuple[Tensor, ...]:
    """Split relevance between the summands of a residual sum.

    Under LRP-epsilon a summand ``a`` of ``a + b`` gets ``R a / (a + b + sign(a + b) eps)``. A sum
    is a linear map of weight 1, so every rule has its own split.

    Args:
        rule: A rule of this module, its settings bound.
        summands: What was added; they may broadcast.
        outputs: Their sum.
        relevance: Relevance of the sum, same shape.

    Returns:
        Relevance of each summand, in its shape.
    """
    expanded = torch.stack([summand.expand_as(outputs) for summand in summands])
    layer = LinearMap(_weighted_sum, outputs.new_ones(1))
    shares = rule(layer, expanded, outputs, relevance)
    return tuple(
        share.sum_to_size(summand.shape)
        for share, summand in zip(shares.unbind(), summands, strict=True)
    )


def propagate_concatenation(
    parts: Sequence[Tensor], relevance: Tensor, *, dim: int
) -> tuple[Tensor, ...]:
    """Cut the relevance of ``torch.cat(parts, dim)`` into that of its parts."""
    return torch.split(relevance, [part.shape[dim] for part in parts], dim=dim)


def _signed_share(
    layer: LinearMap, activations: Tensor, relevance: Tensor, stabiliser: float, *, sign: int
) -> tuple[Tensor, Tensor]:
    """Share relevance among the contributions of one ``sign``; return their sums (B, ...) too.

    The bias takes part with its own contribution, and keeps what it gets.
    """
    same, other = layer.positive(), layer.negative()
    if sign < 0:
        same, other = other, same
    other = other.without_bias()  # it belongs to the contributions of the other sign
    above, below = activations.clamp_min(0), activations.clamp_max(0)
    total = same(above) + other(below)
    ratio = _ratio(relevance, total, stabiliser)
    share = above * same.transpose(ratio, like=above) + below * other.transpose(ratio, like=below)
    return share, total


def _ratio(relevance: Tensor, outputs: Tensor, stabiliser: float) -> Tensor:
    """R / (z + sign(z) eps), with sign(0) = 1, and 0 where that denominator is exactly 0."""
    stabilised = torch.where(outputs < 0, outputs - stabiliser, outputs + stabiliser)
    is_zero = stabilised == 0
    # Replaced before the division: a masked infinity would still make the derivative NaN.
    return torch.where(is_zero, 0, relevance / torch.where(is_zero, 1, stabilised))


def _weighted_sum(summands: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Sum over the first dimension; a sum has no bias, and ignores its absence."""
    return (summands * weight).sum(dim=0)


def _check_shape(relevance: Tensor, outputs: Tensor) -> None:
    if relevance.shape != outputs.shape:
        raise InputError(f"relevance must be {tuple(outputs.shape)}, got {tuple(relevance.shape)}")
