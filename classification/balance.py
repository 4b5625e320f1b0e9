"""Two losses, one step: each loss's gradient is clipped by itself before they are weighed.

The heatmap loss's gradient is tens of times longer than the class loss's and mostly noise at
first; clipped together, the class is not learned for many epochs (``docs/method.md`` has the
measurement). Clipped one by one, P says what it seems to say: which share of the step is whose.
"""

from collections.abc import MutableMapping, Sequence

import torch
from torch import Tensor, nn

CLIP = 1.0  # largest norm of the class loss's gradient
HEATMAP_CLIP = 4.0  # of the heatmap loss's: the force that brings relevance back


def balanced(terms: MutableMapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return what to differentiate, so that each loss's gradient is clipped by itself.

    Args:
        terms: "class_loss", "heatmap_loss" and "heatmap_weight" (P); "class_gradient" and
            "heatmap_gradient", the norms before clipping, are added.
        parameters: Of the network.

    Returns:
        A scalar whose gradient is ``(1 - P) * class + P * heatmap``, both clipped.
    """
    weight = terms["heatmap_weight"].item()
    to_class, terms["class_gradient"] = clipped_gradient(
        terms["class_loss"], parameters, clip=CLIP, keep_graph=True
    )
    to_heatmap, terms["heatmap_gradient"] = clipped_gradient(
        terms["heatmap_loss"], parameters, clip=HEATMAP_CLIP
    )
    mixed = [
        (1 - weight) * one + weight * other for one, other in zip(to_class, to_heatmap, strict=True)
    ]
    return surrogate(parameters, mixed)


def clipped_gradient(
    loss: Tensor, parameters: Sequence[nn.Parameter], *, clip: float, keep_graph: bool = False
) -> tuple[list[Tensor], Tensor]:
    """Gradient of ``loss``, shortened to a norm of at most ``clip``.

    Args:
        loss: Scalar.
        parameters: Differentiated by; one that the loss does not depend on gets zeros.
        clip: Largest norm over all parameters.
        keep_graph: Whether another loss will be differentiated through the same graph.

    Returns:
        One gradient per parameter, and the norm before clipping (a scalar).
    """
    gradients = torch.autograd.grad(
        loss, list(parameters), retain_graph=keep_graph, allow_unused=True, materialize_grads=True
    )
    norm = torch.nn.utils.get_total_norm(gradients)
    factor = (clip / (norm + 1e-12)).clamp_max(1)
    return [gradient * factor for gradient in gradients], norm


def surrogate(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> Tensor:
    """Return a scalar whose gradient by each parameter is the given one."""
    return torch.stack(
        [
            (parameter * gradient).sum()
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
    ).sum()
