"""The same lungs before two backgrounds must get the same answer: two ways to ask for it.

Logits can agree by shrinking what the lungs say where a background holds a unit off; what units
get before their ReLU shows such a background directly. Counterfactual logit pairing and ActDiff
(Viviano et al., ICLR 2021) are published relatives.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor, nn

from isnet_cxr.classification.activations import before_relus

Place = Literal["logits", "before_relu"]


def symmetric_kl(one: Tensor, other: Tensor) -> Tensor:
    """Mean over images of half of KL(p, q) + KL(q, p); logits (B, C) each.

    0 where both say the same; the gradient goes into both.
    """
    p, q = one.float().log_softmax(dim=1), other.float().log_softmax(dim=1)
    there = F.kl_div(q, p, reduction="batchmean", log_target=True)
    back = F.kl_div(p, q, reduction="batchmean", log_target=True)
    return (there + back) / 2


def difference_before_relu(one: Sequence[Tensor], other: Sequence[Tensor], masks: Tensor) -> Tensor:
    """Mean over layers of how far units at the lungs' places differ before their ReLU.

    Each layer's mean absolute difference is taken in units of its mean absolute value, which is
    detached: smaller activations do not make it smaller.

    Args:
        one: What each ReLU got from the first views, (B, C, h, w); others are passed over.
        other: From the second views.
        masks: 1 in the lungs, (B, 1, H, W).
    """
    differences = []
    for first, second in zip(one, other, strict=True):
        if first.dim() != 4:  # noqa: PLR2004  (B, C, h, w): vectors have no places
            continue
        weight = F.adaptive_avg_pool2d(masks, (first.shape[-2], first.shape[-1]))
        total = (weight.sum() * first.shape[1]).clamp_min(1e-6)
        scale = ((first.abs() + second.abs()) / 2 * weight).sum() / total
        apart = ((first - second).abs() * weight).sum() / total
        differences.append(apart / scale.detach().clamp_min(1e-6))
    return torch.stack(differences).mean()


def two_views(
    network: nn.Module, one: Tensor, other: Tensor, masks: Tensor, *, place: Place
) -> tuple[Tensor, Tensor, Tensor]:
    """Send two views of the same images through ``network`` in one batch.

    Args:
        network: In training; batch norm sees both views at once.
        one: (B, 1, H, W).
        other: The same lungs before other backgrounds.
        masks: Of both.
        place: Where the views are to agree.

    Returns:
        Logits of both, (B, C), and how far they disagree, a scalar.
    """
    with before_relus(network) as seen:
        logits_one, logits_other = network(torch.cat([one, other])).chunk(2)
    if place == "logits":
        return logits_one, logits_other, symmetric_kl(logits_one, logits_other)
    halves = [activation.chunk(2) for activation in seen]
    apart = difference_before_relu([h[0] for h in halves], [h[1] for h in halves], masks)
    return logits_one, logits_other, apart
