"""Illness painted into the lungs of training images, while the mask stays the whole lung.

Dense lungs are as white as the tissue around them. A network that was trained on healthy ones ends
its mask where the air ends. Here air is replaced by what tissue around the lung looks like: in
patches, as fluid that stands at the base, as a veil, or all of it. What is left to find the
outline by is the ribs, the other lung and the diaphragm. Everything is one batched tensor
operation. It only brightens, and reaches a rim of a few pixels beyond the mask: masks are drawn
inside the dark of the lungs, and the dark line that would be left shows them.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own convention
from torch import Tensor

from isnet_cxr.data.ranges import require
from isnet_cxr.segmentation.devices import add_devices
from isnet_cxr.segmentation.exposure import expose_unevenly

RIM_PX = 3  # how far beyond the mask an opacity reaches, in rows and columns
COARSE = 2  # opacities are drawn at this part of the resolution: they are soft
TISSUE_STEP = 8  # the same for the tissue around the lungs
DETAIL_PX = 9  # what is larger is not shown through an opacity
PATCHES = 3  # at most, in a lung
PATCH_SHARE, FLUID_SHARE, VEIL_SHARE = 0.4, 0.35, 0.25  # of the lungs of an ill image


@dataclass(frozen=True)
class Sickness:
    """How ill the training images are made; every draw is uniform and independent.

    Attributes:
        share: Share of the images whose lungs get opacities.
        density: Smallest and largest share of a patch's air that is replaced; 1 is as white as
            tissue.
        white_lung: Share of the lungs of ill images that are opaque from top to base.
        devices: Share of the images that get tubes, electrodes and marks, see
            ``isnet_cxr.segmentation.devices``.
        exposure: Largest change of grey by uneven exposure, and of local contrast, the image's
            range being 1, see ``isnet_cxr.segmentation.exposure``.
    """

    share: float = 0.0
    density: tuple[float, float] = (0.4, 1.0)
    white_lung: float = 0.1
    devices: float = 0.0
    exposure: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a value is out of its range; names the key.
        """
        for name in ("share", "white_lung", "devices", "exposure"):
            require(name, getattr(self, name), at_least=0, at_most=1)
        low, high = self.density
        require("density", low, at_least=0, at_most=high)
        require("density", high, at_most=1)


@dataclass(frozen=True)
class _Lungs:
    """Each image's two sides, (B, 2, h, w): where the lung is, and positions inside it.

    ``down`` goes from 0 at the top to 1 at the base, ``across`` from the middle to the ribs.
    """

    down: Tensor
    across: Tensor


def make_ill(
    images: Tensor, masks: Tensor, *, settings: Sickness, generator: torch.Generator
) -> Tensor:
    """Make some images ill, lay devices over some, expose all unevenly.

    Arguments and result as those of ``sicken``. Settings of 0 draw nothing: a training without is
    the one it was.
    """
    if settings.share:
        images = sicken(images, masks, settings=settings, generator=generator)
    if settings.devices:
        images = add_devices(images, share=settings.devices, generator=generator)
    if settings.exposure:
        images = expose_unevenly(images, most=settings.exposure, generator=generator)
    return images


def sicken(
    images: Tensor, masks: Tensor, *, settings: Sickness, generator: torch.Generator
) -> Tensor:
    """Paint opacities into the lungs of some images.

    Args:
        images: Images in [0, 1], (B, 1, H, W).
        masks: 1 in the lungs, 0 outside, (B, 1, H, W), float.
        settings: How many images, and how dense.
        generator: Source of all randomness, on the CPU.

    Returns:
        Images in [0, 1], same shape, nowhere darker, and equal to ``images`` farther than
        ``RIM_PX`` from the lungs. An image whose mask is empty stays as it is.
    """
    draw = _Draw(len(images), images.device, generator)
    ill = draw.chance(settings.share, 1) * (masks.amax(dim=(1, 2, 3), keepdim=True) > 0)
    opaque = _opacity(masks, settings, draw)
    height, width = images.shape[-2:]
    opaque = F.interpolate(opaque, (height, width), mode="bilinear", align_corners=False)
    reached = F.max_pool2d(masks, 2 * RIM_PX + 1, stride=1, padding=RIM_PX)
    soft = F.avg_pool2d(reached, 3, stride=1, padding=1)
    added = opaque * (_dense_lung(images, reached, draw) - images)
    return (images + added.clamp(min=0) * soft * reached * ill).clamp(0, 1)


class _Draw:
    """Random tensors for a batch: (B, per image, 1, 1), or noise (B, per image, h, w)."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self._count, self._device, self._generator = count, device, generator

    def between(self, low: float, high: float, per_image: int) -> Tensor:
        drawn = torch.rand(self._count, per_image, 1, 1, generator=self._generator)
        return (low + (high - low) * drawn).to(self._device)

    def chance(self, share: float, per_image: int) -> Tensor:
        return (self.between(0, 1, per_image) < share).float()

    def unevenness(self, grains: int, size: tuple[int, int], per_image: int) -> Tensor:
        """Smooth noise of standard deviation near 1, ``grains`` of them along each side."""
        shape = (self._count, per_image, grains, grains)
        noise = torch.randn(shape, generator=self._generator).to(self._device)
        return F.interpolate(noise, size, mode="bicubic", align_corners=False)


def _opacity(masks: Tensor, settings: Sickness, draw: _Draw) -> Tensor:
    """Draw the share of air that is replaced, (B, 1, h, w), at a part of the resolution."""
    coarse = masks[..., ::COARSE, ::COARSE]
    sides, lungs = _both_lungs(coarse)
    size = (coarse.shape[-2], coarse.shape[-1])
    uneven = draw.unevenness(9, size, 2)
    clear = 1 - _fluid(lungs, uneven, draw)
    for _ in range(PATCHES):
        clear = clear * (1 - _patch(lungs, uneven, settings, draw))
    low, high = settings.density
    veil = draw.between(low, high, 2) * (0.8 + 0.2 * draw.unevenness(20, size, 2))
    clear = clear * (1 - draw.chance(VEIL_SHARE, 2) * veil.clamp(0, 1))
    whole = draw.between(0.85, 1, 2) * (1 - 0.06 * uneven.abs())
    clear = clear * (1 - draw.chance(settings.white_lung, 2) * whole)
    return ((1 - clear.clamp(0, 1)) * sides).sum(dim=1, keepdim=True)


def _both_lungs(masks: Tensor) -> tuple[Tensor, _Lungs]:
    """Part masks (B, 1, h, w) at their centre's column; where a side lies, and positions in it."""
    height, width = masks.shape[-2:]
    rows = torch.arange(height, device=masks.device, dtype=masks.dtype).view(1, 1, -1, 1)
    columns = torch.arange(width, device=masks.device, dtype=masks.dtype).view(1, 1, 1, -1)
    area = masks.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    middle = (masks * columns).sum(dim=(2, 3), keepdim=True) / area
    left = (columns < middle).float().expand_as(masks)
    halves = torch.cat([left, 1 - left], dim=1)
    there = masks * halves
    top, base = _extent(there.amax(dim=3, keepdim=True), rows, dim=2)
    first, last = _extent(there.amax(dim=2, keepdim=True), columns, dim=3)
    down = (rows - top) / (base - top).clamp(min=1)
    along = (columns - first) / (last - first).clamp(min=1)
    across = torch.cat([1 - along[:, :1], along[:, 1:]], dim=1)
    return halves, _Lungs(down, across)


def _extent(occupied: Tensor, positions: Tensor, *, dim: int) -> tuple[Tensor, Tensor]:
    """Return the first and the last position that is occupied; 0 and the last one if none is."""
    last = positions.max()
    first = torch.where(occupied > 0, positions, last).amin(dim=dim, keepdim=True)
    return first, torch.where(occupied > 0, positions, 0).amax(dim=dim, keepdim=True)


def _patch(lungs: _Lungs, uneven: Tensor, settings: Sickness, draw: _Draw) -> Tensor:
    """One consolidation or patch of ground glass a lung: an ellipse or a lobe-like block."""
    down = (lungs.down - draw.between(0, 1.05, 2)) / draw.between(0.12, 0.6, 2)
    across = (lungs.across - draw.between(0, 1.05, 2)) / draw.between(0.2, 0.9, 2)
    block = draw.chance(0.4, 2)
    blunt = torch.maximum(down.abs(), across.abs())
    distance = block * blunt + (1 - block) * torch.sqrt(down**2 + across**2)
    distance = distance + draw.between(0.05, 0.4, 2) * uneven
    filled = torch.sigmoid((1 - distance) / draw.between(0.03, 0.3, 2))
    return filled * draw.between(*settings.density, 2) * draw.chance(PATCH_SHARE, 2)


def _fluid(lungs: _Lungs, uneven: Tensor, draw: _Draw) -> Tensor:
    """An effusion a lung: opaque below a level that rises towards the ribs."""
    level = draw.between(0.35, 1.0, 2) - draw.between(0, 0.4, 2) * lungs.across**2 + 0.02 * uneven
    filled = torch.sigmoid((lungs.down - level) / draw.between(0.01, 0.1, 2))
    return filled * draw.between(0.85, 1, 2) * draw.chance(FLUID_SHARE, 2)


def _dense_lung(images: Tensor, masks: Tensor, draw: _Draw) -> Tensor:
    """What the image would be without air: the grey of tissue around, some ribs, some grain."""
    size = (images.shape[-2], images.shape[-1])
    tissue = _tissue(images, masks, size)
    detail = _detail(images, masks)
    grain = 0.03 * draw.unevenness(48, size, 1) + 0.04 * draw.unevenness(6, size, 1)
    return tissue * draw.between(0.88, 1.12, 1) + draw.between(0.1, 0.8, 1) * detail + grain


def _detail(images: Tensor, masks: Tensor) -> Tensor:
    """Ribs and vessels in the lungs, (B, 1, H, W): what differs from the lung close by.

    It fades towards the outline, which the step from tissue to air would otherwise draw.
    """
    inside = F.avg_pool2d(masks, DETAIL_PX, stride=1, padding=DETAIL_PX // 2)
    near = F.avg_pool2d(masks * images, DETAIL_PX, stride=1, padding=DETAIL_PX // 2)
    return (images - near / inside.clamp(min=1e-3)) * (2 * inside - 1).clamp(min=0)


def _tissue(images: Tensor, masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Spread the grey around the lungs into them, (B, 1, H, W); bright tissue counts more."""
    weights = F.avg_pool2d((1 - masks) * (images + 0.02), TISSUE_STEP)
    values = F.avg_pool2d((1 - masks) * (images + 0.02) * images, TISSUE_STEP)
    for _ in range(3):
        weights, values = (
            F.avg_pool2d(plane, 7, stride=1, padding=3) for plane in (weights, values)
        )
    average = values.mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True)
    spread = torch.where(weights > 1e-4, values / weights.clamp(min=1e-4), average)  # noqa: PLR2004
    return F.interpolate(spread, size, mode="bilinear", align_corners=False)
