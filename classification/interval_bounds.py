"""Bounds of a small network's logits over all backgrounds of a box (interval bound propagation).

Gowal et al. 2018, arXiv 1810.12715. An interval is kept as its centre and its radius; a linear
layer passes the centre as ever and the radius by the absolute weights, without the bias. What is
monotone (ReLU, max pooling) takes both ends.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.data.errors import InputError

MONOTONE = (
    nn.ReLU, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten,
    nn.Identity,
)  # fmt: skip
"""Layers whose outputs do not fall when an input rises."""


def plain_layers(network: nn.Module) -> Iterator[nn.Module]:
    """Yield a chain's layers in order.

    Args:
        network: An ``nn.Sequential``, of others too, of convolutions, linear layers, ReLU, pooling
            and flattening.

    Raises:
        InputError: If it is something else, or has another layer; names it.
    """
    if isinstance(network, nn.Sequential):
        for layer in network:
            yield from plain_layers(layer)
    elif isinstance(network, (nn.Conv2d, nn.Linear, *MONOTONE)):
        yield network
    else:
        raise InputError(
            f"bounds cannot pass a {type(network).__name__}: expected a chain of convolutions, "
            "linear layers, ReLU, pooling and flattening"
        )


def logit_bounds(network: nn.Module, images: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Bound the logits of all images whose pixels differ by at most ``radii``.

    Args:
        network: As ``plain_layers`` takes it.
        images: (B, 1, H, W).
        radii: At least 0, of the same shape.

    Returns:
        Lower and upper logits, (B, C), with their graph.

    Raises:
        InputError: If bounds cannot pass a layer.
    """
    centre, radius = images, radii
    for layer in plain_layers(network):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            centre, radius = layer(centre), _spread(layer, radius)
        else:
            low, high = _by_itself(layer, centre - radius), _by_itself(layer, centre + radius)
            centre, radius = (high + low) / 2, (high - low) / 2
    return centre - radius, centre + radius


def _spread(layer: nn.Conv2d | nn.Linear, radius: Tensor) -> Tensor:
    """Pass a radius through a linear layer's absolute weights."""
    weight = layer.weight.abs()
    if isinstance(layer, nn.Linear):
        return F.linear(radius, weight)
    return F.conv2d(radius, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def _by_itself(layer: nn.Module, values: Tensor) -> Tensor:
    """Run ``layer`` on ``values``, which stay what they are: a ReLU in place gets a copy."""
    in_place = getattr(layer, "inplace", False)
    given: Tensor = layer(values.clone() if in_place else values)
    return given


def worst_logits(low: Tensor, high: Tensor, labels: Tensor) -> Tensor:
    """Return the lower bound of each image's own class and the upper ones of the others, (B, C)."""
    own = F.one_hot(labels, low.shape[1]).bool()
    return torch.where(own, low, high)
