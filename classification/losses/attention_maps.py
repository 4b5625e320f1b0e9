"""What ties maps of classes to a map of everything abnormal, and to masks.

The terms of hierarchical attention mining (Ouyang et al., IEEE TMI 2021,
arXiv 2112.12349). A soft step ``s(v) = sigmoid(100 (v - threshold))`` says which values
of a map count. Every term is one number per map, at least 0 for maps that are at least 0.
"""

import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

STEEPNESS = 100.0  # of the soft step
LEAST = 1e-5  # keeps a map of zeros from being divided by


def soft_step(values: Tensor, *, threshold: float) -> Tensor:
    """Near 0 below the threshold, near 1 above."""
    return (STEEPNESS * (values - threshold)).sigmoid()


def bound_terms(diseases: Tensor, anomaly: Tensor, *, threshold: float) -> Tensor:
    """Part of each disease's map that is outside the anomaly's, or too weak to count.

    ``(sum K - sum min(K, A) s(K)) / sum K``, over places.

    Args:
        diseases: K, (B, D, h, w), at least 0.
        anomaly: A, (B, 1, h, w), at least 0.
        threshold: Of the soft step s.

    Returns:
        (B, D); 0 for a map of zeros.
    """
    held = diseases.minimum(anomaly) * soft_step(diseases, threshold=threshold)
    return _missing(diseases, held)


def union_terms(diseases: Tensor, anomaly: Tensor, *, threshold: float) -> Tensor:
    """Part of the anomaly's map that no disease's map explains, or that is too weak to count.

    ``(sum A - sum min(max K, A) s(A)) / sum A``, the maximum over the diseases, sums over places.

    Args:
        diseases: K, (B, D, h, w), at least 0; those that the image does not show as zeros.
        anomaly: A, (B, 1, h, w), at least 0.
        threshold: Of the soft step s.

    Returns:
        (B,); 0 for a map of zeros.
    """
    strongest = diseases.amax(dim=1, keepdim=True)
    held = strongest.minimum(anomaly) * soft_step(anomaly, threshold=threshold)
    return _missing(anomaly, held)[:, 0]


def refine(maps: Tensor, *, size: tuple[int, int], threshold: float) -> Tensor:
    """Enlarge maps to ``size``, stretch each to [0, 1] and take the soft step.

    Args:
        maps: (B, D, h, w).
        size: Height and width of the images.
        threshold: Of the soft step.

    Returns:
        (B, D, H, W), in [0, 1]; near 0 for a map without differences.
    """
    enlarged = F.interpolate(maps, size, mode="bilinear", align_corners=False)
    low = enlarged.amin(dim=(2, 3), keepdim=True)
    span = enlarged.amax(dim=(2, 3), keepdim=True) - low
    return soft_step((enlarged - low) / span.clamp_min(LEAST), threshold=threshold)


def mask_errors(refined: Tensor, masks: Tensor) -> Tensor:
    """Squared error of each map, by what map and mask hold together (AMSE).

    Args:
        refined: (B, D, H, W), in [0, 1].
        masks: (B, 1, H, W), 0 or 1.

    Returns:
        (B, D), in [0, 1]; 0 where map and mask are alike.
    """
    error = (refined - masks).square().sum(dim=(2, 3))
    together = refined.sum(dim=(2, 3)) + masks.sum(dim=(2, 3))
    return error / together.clamp_min(LEAST)


def _missing(maps: Tensor, held: Tensor) -> Tensor:
    """Part of each map (B, D, h, w) that is not held, (B, D)."""
    total = maps.sum(dim=(2, 3))
    return (total - held.sum(dim=(2, 3))) / total.clamp_min(LEAST)
