"""Any classifier explained: heatmaps as arrays, and their share inside the lungs.

>>> found = explain_images(network, images, masks, label=1)
>>> found.heatmaps, found.share_inside_lungs                # (N, H, W), (N,)
>>> overlay(image, found.heatmaps[0])                    # of ``explain``: (H, W, 3) RGB
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.classification.attribution import RELEVANCE, Attribution, attributing
from isnet_cxr.classification.lrp.targets import (
    AttributionTarget,
    attribution_targets,
    choose_classes,
)
from isnet_cxr.classification.objective import share_inside_lungs
from isnet_cxr.data.errors import InputError

IMAGES_AT_ONCE = 32
FIELDS = ("probabilities", "explained", "heatmaps", "share_inside_lungs")


@dataclass(frozen=True)
class Explanation:
    """What a classifier says of N images, and where it looked.

    Attributes:
        probabilities: Softmax, (N, C).
        explained: Index of the class explained, (N,).
        heatmaps: Signed relevance for that class, (N, H, W).
        share_inside_lungs: Share of |relevance| inside the lungs, (N,); NaN without a lung mask.
    """

    probabilities: NDArray[np.float32]
    explained: NDArray[np.int64]
    heatmaps: NDArray[np.float32]
    share_inside_lungs: NDArray[np.float32]


def explain_images(
    network: nn.Module,
    images: Tensor,
    masks: Tensor | None = None,
    *,
    label: int | None = None,
    attribution_target: AttributionTarget = "log_odds",
    epsilon: float = 1e-2,
    attribution: Attribution = RELEVANCE,
) -> Explanation:
    """Predict images with any ReLU classifier, and map the relevance of every pixel for one class.

    Args:
        network: Any that ``prepare`` takes, or any at all for an attribution by gradient; explained
            as in evaluation, and left as it was.
        images: One channel in [0, 1], (N, 1, H, W), at least one; of any number: some are done at a
            time.
        masks: 1 in the lungs, (N, 1, H, W), for the share of relevance inside them.
        label: Index of the class; None takes each image's own most probable one.
        attribution_target: The class's logit or log-odds.
        epsilon: Stabiliser of LRP-epsilon.
        attribution: How the heatmaps are made.

    Raises:
        InputError: If the shapes disagree, there is no such class, or relevance cannot pass a
            layer.
    """
    if images.dim() != 4 or images.shape[1] != 1 or not len(images):  # noqa: PLR2004  (N, 1, H, W)
        raise InputError(f"images must be (N, 1, H, W), got {tuple(images.shape)}")
    lungs = torch.zeros_like(images) if masks is None else masks
    if lungs.shape != images.shape:
        raise InputError(f"masks must be {tuple(images.shape)}, got {tuple(lungs.shape)}")
    parts = []
    batches = zip(
        torch.split(images, IMAGES_AT_ONCE), torch.split(lungs, IMAGES_AT_ONCE), strict=True
    )
    with (
        _frozen(network),
        attributing(network, attribution, epsilon=epsilon) as attribute,
        torch.enable_grad(),
    ):
        for some, some_lungs in batches:
            logits, heatmaps_of = attribute(some)
            chosen = _choose(logits.detach(), label)
            explained = attribution_targets(logits, chosen, target=attribution_target)
            parts.append(_as_arrays(logits.detach(), chosen, heatmaps_of(explained), some_lungs))
    return Explanation(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS)
    )


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Switch ``network`` to evaluation and freeze it; afterwards it is as it was.

    Frozen, it keeps less for the way back.
    """
    modes = {layer: layer.training for layer in network.modules()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.eval()
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
        for layer, training in modes.items():
            layer.training = training


def _choose(logits: Tensor, label: int | None) -> Tensor:
    """Return the class to explain of every image, (N, 1)."""
    if label is None:
        return choose_classes(logits, strategy="top")
    if not 0 <= label < logits.shape[1]:
        raise InputError(f"label must be one of {logits.shape[1]} classes, got {label}")
    return torch.full((len(logits), 1), label, device=logits.device)


def _as_arrays(logits: Tensor, chosen: Tensor, heatmaps: Tensor, lungs: Tensor) -> Explanation:
    shares = share_inside_lungs(heatmaps, lungs.to(heatmaps))[:, 0]
    shares[lungs.flatten(1).sum(dim=1) == 0] = torch.nan
    return Explanation(
        probabilities=logits.float().softmax(dim=1).cpu().numpy(),
        explained=chosen[:, 0].cpu().numpy(),
        heatmaps=heatmaps[:, 0, 0].cpu().numpy(),
        share_inside_lungs=shares.cpu().numpy(),
    )
