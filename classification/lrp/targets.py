"""The attribution target: which classes are explained, and whether by logit or log-odds.

Training explains few quantities, so that its cost does not grow with the classes; which ones
decides what is learned (Bassi, Decherchi, Cavalli 2024, doi:10.1109/ACCESS.2024.3487474).
"""

from typing import Literal

import torch
from torch import Tensor

from isnet_cxr.data.errors import InputError

TargetClass = Literal["all", "stochastic", "lowest", "top", "label", "random"]
AttributionTarget = Literal["logit", "log_odds"]


def log_odds(logits: Tensor) -> Tensor:
    """Exact log-odds of every class of a softmax, ``z_c - logsumexp of the other logits``.

    Args:
        logits: (B, C).

    Returns:
        (B, C); does not saturate, as ``log(p / (1 - p))`` does when p nears 1.
    """
    classes = logits.shape[1]
    others = logits.unsqueeze(1).expand(-1, classes, -1)
    itself = torch.eye(classes, dtype=torch.bool, device=logits.device)
    return logits - others.masked_fill(itself, -torch.inf).logsumexp(dim=2)


def choose_classes(
    logits: Tensor,
    *,
    strategy: TargetClass,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose the classes to explain for every image.

    Args:
        logits: (B, C).
        strategy: "all" classes (the published Original); "stochastic", the top class or, with
            even chances, another at random; "lowest" logit (the published Selective, with
            log-odds); "top" logit; the image's "label"; or any class at "random".
        labels: True classes (B,), for "label".
        generator: Source of randomness, on the CPU, for "stochastic" and "random".

    Returns:
        Class indices, (B, maps); maps is C for "all" and 1 otherwise.

    Raises:
        InputError: If "label" comes without labels.
    """
    images, classes = logits.shape
    if strategy == "all":
        return torch.arange(classes, device=logits.device).expand(images, -1)
    if strategy == "label":
        if labels is None:
            raise InputError("strategy 'label' needs the images' labels")
        return labels[:, None]
    if strategy == "lowest":
        return logits.argmin(dim=1, keepdim=True)
    top = logits.argmax(dim=1, keepdim=True)
    if strategy == "top":
        return top
    if strategy == "random":
        drawn = torch.randint(classes, (images, 1), generator=generator)
        return drawn.to(logits.device)
    step = torch.randint(1, classes, (images, 1), generator=generator)
    stay = torch.rand(images, 1, generator=generator) < 0.5  # noqa: PLR2004  even chances
    return (top + torch.where(stay, 0, step).to(logits.device)) % classes


def attribution_targets(logits: Tensor, classes: Tensor, *, target: AttributionTarget) -> Tensor:
    """Return the logits or log-odds of the chosen ``classes`` (B, maps), same shape."""
    values = log_odds(logits) if target == "log_odds" else logits
    return values.gather(1, classes)
