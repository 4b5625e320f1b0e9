"""Images whose background's pixels have changed places among themselves."""

import torch
from torch import Tensor


def permute_background(images: Tensor, masks: Tensor, *, generator: torch.Generator) -> Tensor:
    """Shuffle the pixels outside the lungs, within each image by itself.

    Grey levels stay what they are, all structure is lost.

    Args:
        images: (B, 1, H, W).
        masks: Above 0 in the lungs, (B, 1, H, W); images without lung pixels are left alone.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images, (B, 1, H, W); pixels inside each image's own mask are its own.
    """
    changed = images.flatten(1).clone()
    outside = masks.flatten(1) <= 0
    for number in range(len(images)):
        places = outside[number].nonzero().flatten()
        if len(places) == outside.shape[1]:  # no lungs are known
            continue
        order = torch.randperm(len(places), generator=generator).to(places.device)
        changed[number, places] = changed[number, places[order]]
    return changed.reshape(images.shape)
