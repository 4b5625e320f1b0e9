"""From a person to an image: add up what rays pass, then expose, scatter, blur, add noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from isnet_cxr.data.phantoms.anatomy import Anatomy, Field, Grid
from isnet_cxr.data.phantoms.lungs import Lungs, draw_vessels, outline_lungs
from isnet_cxr.data.phantoms.skeleton import draw_skeleton
from isnet_cxr.data.phantoms.soft_tissue import draw_soft_tissue

_AIR_LOSS = 0.74  # share of soft tissue's attenuation that a cm of aerated lung lacks


@dataclass(frozen=True)
class Chest:
    """A healthy chest before the image.

    Attributes:
        grid: The person's coordinates of the pixels.
        lungs: Lung fields on these pixels.
        attenuation_cm: What every ray passes, in cm of soft tissue, (H, W).
    """

    grid: Grid
    lungs: Lungs
    attenuation_cm: Field


@dataclass(frozen=True)
class Exposure:
    """How an image was taken.

    Attributes:
        centre_cm: Attenuation that comes out at mid grey.
        latitude_cm: Attenuation from mid grey to light grey; small is a hard image.
        noise: Standard deviation of the noise at mid grey, in grey levels from 0 to 1.
        blur_mm: Standard deviation of the detector's blur.
        scatter: Share of the signal that is scattered rays.
        tilt: Brightening from the left to the right edge and from top to bottom, in cm.
    """

    centre_cm: float
    latitude_cm: float
    noise: float
    blur_mm: float
    scatter: float
    tilt: tuple[float, float]


def build_chest(anatomy: Anatomy, grid: Grid) -> Chest:
    """Put skeleton, soft tissue and healthy lungs of ``anatomy`` together."""
    lungs = outline_lungs(anatomy, grid)
    tissue = draw_soft_tissue(anatomy, grid, lungs)
    air = np.minimum(lungs.air_cm, 0.85 * tissue)
    attenuation = (
        tissue - _AIR_LOSS * (air + lungs.hidden_air_cm) + draw_vessels(anatomy, grid, lungs)
    )
    attenuation += draw_skeleton(anatomy, grid, lungs)
    return Chest(grid=grid, lungs=lungs, attenuation_cm=attenuation.astype(np.float32))


def add_disease(chest: Chest, fluid: Field) -> Field:
    """Attenuation with a share ``fluid`` (H, W) of the lungs' air replaced, in cm, (H, W)."""
    return (chest.attenuation_cm + _AIR_LOSS * chest.lungs.air_cm * fluid).astype(np.float32)


def expose(
    attenuation_cm: Field, exposure: Exposure, *, spacing_mm: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Turn attenuation into grey values, 0 black (air) to 1 white (bone), (H, W)."""
    seen = attenuation_cm * (1 - exposure.scatter)
    seen = seen + exposure.scatter * _wide_blur(attenuation_cm, 30 / spacing_mm)
    seen = gaussian_filter(seen, exposure.blur_mm / spacing_mm, truncate=3)
    seen += _ramp(seen.shape, exposure.tilt)
    grain = rng.standard_normal(seen.shape, np.float32)
    grain = 0.75 * grain + 0.6 * gaussian_filter(grain, 0.8, truncate=3)
    grey = _characteristic(np.maximum(seen, 0), exposure)
    grey += exposure.noise * (0.35 + 0.65 * np.sqrt(np.clip(grey, 0, 1)) * 1.4) * grain
    return np.clip(grey, 0, 1).astype(np.float32)


def _characteristic(seen: Field, exposure: Exposure) -> Field:
    """The image's curve: an S over the chest, and a quick rise from air that shows the skin."""
    toe = 1 - np.exp(-seen / 3.0)
    grey = 1 / (1 + np.exp((exposure.centre_cm - seen) / exposure.latitude_cm))
    black = 1 / (1 + np.exp(exposure.centre_cm / exposure.latitude_cm))
    return np.asarray(0.14 * toe + 0.86 * (grey - black) / (1 - black), dtype=np.float32)


def _wide_blur(image: Field, sigma_px: float) -> Field:
    """A wide Gaussian blur, done on an image a quarter as large."""
    step = 4
    coarse = gaussian_filter(image[::step, ::step], sigma_px / step, truncate=2, mode="nearest")
    scale = (image.shape[0] / coarse.shape[0], image.shape[1] / coarse.shape[1])
    wide: Field = zoom(coarse, scale, order=1, mode="nearest", grid_mode=True)
    return wide


def _ramp(shape: tuple[int, ...], tilt: tuple[float, float]) -> Field:
    """A plane that rises by ``tilt`` from left to right and from top to bottom, 0 on average."""
    down, right = np.linspace(-0.5, 0.5, shape[0]), np.linspace(-0.5, 0.5, shape[1])
    return (tilt[1] * down[:, None] + tilt[0] * right[None, :]).astype(np.float32)
