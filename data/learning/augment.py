"""Random changes of a batch that move image and lung mask together.

Geometry covers how patients stand; exposure and sharpness cover what differs between scanners
inside the lungs, where no heatmap loss can help. Everything is one batched tensor operation.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

from isnet_cxr.data.ranges import require


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed; every draw is uniform and independent per image.

    Attributes:
        rotation_deg: Largest rotation to either side.
        scale: Largest relative change of size; height and width are drawn separately around it.
        anisotropy: Largest relative difference of the height's and the width's scale.
        translation: Largest shift, in parts of the image's size.
        flip: Mirror half of the images left to right (the heart changes sides).
        gamma: Largest log2 of the exponent applied to grey values.
        contrast: Largest relative change of contrast around the image's mean.
        brightness: Largest grey value added, the image's range being 1.
        sharpness: Largest weight of an unsharp mask (added) or of a blur (blended in).
        noise: Largest standard deviation of added Gaussian noise.
    """

    rotation_deg: float = 10.0
    scale: float = 0.12
    anisotropy: float = 0.08
    translation: float = 0.06
    flip: bool = False
    gamma: float = 0.5
    contrast: float = 0.25
    brightness: float = 0.1
    sharpness: float = 0.8
    noise: float = 0.02

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        require("rotation_deg", self.rotation_deg, at_least=0, at_most=180)
        for name in ("scale", "anisotropy"):  # 1 would shrink an image to nothing
            require(name, getattr(self, name), at_least=0, below=1)
        for name in ("translation", "contrast", "brightness", "noise"):
            require(name, getattr(self, name), at_least=0, at_most=1)
        for name in ("gamma", "sharpness"):
            require(name, getattr(self, name), at_least=0)


def augment(
    images: Tensor, masks: Tensor, *, settings: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Change images at random, and their masks by the same geometry.

    Args:
        images: Images in [0, 1], (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W), float.
        settings: How far to go.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images in [0, 1] and masks of 0 and 1, same shapes.

    Raises:
        ValueError: If the shapes differ.
    """
    if images.shape != masks.shape:
        raise ValueError(f"masks must be {tuple(images.shape)}, got {tuple(masks.shape)}")
    theta = _draw_affine(len(images), settings, generator).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", align_corners=False)
    moved_masks = F.grid_sample(masks, grid, mode="nearest", align_corners=False)
    return _change_appearance(moved, settings, generator), moved_masks


def _uniform(size: int, bound: float, generator: torch.Generator) -> Tensor:
    """Draw ``size`` values in [-bound, bound]."""
    return (torch.rand(size, generator=generator) * 2 - 1) * bound


def _draw_affine(size: int, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw sampling matrices, (B, 2, 3), in the coordinates of ``affine_grid``."""
    angle = _uniform(size, math.radians(settings.rotation_deg), generator)
    scale = 1 + _uniform(size, settings.scale, generator)
    stretch = 1 + _uniform(size, settings.anisotropy, generator)
    shift_x = _uniform(size, 2 * settings.translation, generator)
    shift_y = _uniform(size, 2 * settings.translation, generator)
    mirror = torch.ones(size)
    if settings.flip:
        mirror = torch.where(torch.rand(size, generator=generator) < 0.5, -1.0, 1.0)  # noqa: PLR2004
    cos, sin = torch.cos(angle), torch.sin(angle)
    row_x = torch.stack([mirror * cos / scale, -sin / scale, shift_x], dim=1)
    row_y = torch.stack([sin / (scale * stretch), cos / (scale * stretch), shift_y], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _change_appearance(
    images: Tensor, settings: Augmentation, generator: torch.Generator
) -> Tensor:
    """Change gamma, contrast, brightness, sharpness and noise; values stay in [0, 1]."""

    def draw(bound: float) -> Tensor:
        return _uniform(len(images), bound, generator).to(images.device).view(-1, 1, 1, 1)

    images = images.clamp(1e-4, 1) ** torch.exp2(draw(settings.gamma))
    mean = images.mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * (1 + draw(settings.contrast)) + mean + draw(settings.brightness)
    sharpness = draw(settings.sharpness)
    if settings.sharpness:
        images = images + sharpness * (images - _blur(images))
    if settings.noise:
        deviation = draw(settings.noise).abs()
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        images = images + deviation * noise
    return images.clamp(0, 1)


def _blur(images: Tensor) -> Tensor:
    """Blur with a separable binomial kernel of five pixels (standard deviation 1 px)."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device, dtype=images.dtype) / 16
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    blurred = F.conv2d(padded, row.view(1, 1, 1, -1))
    return F.conv2d(blurred, row.view(1, 1, -1, 1))
