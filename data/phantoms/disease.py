"""What is in the lungs: nothing, one dense lobar consolidation, or scattered ground glass.

A disease is a fluid fraction per pixel: the share of the lung's air that fluid has replaced. It is
multiplied with the air along the ray, so that it cannot change a pixel outside the lungs.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.phantoms.anatomy import Field, Grid, smoothstep
from isnet_cxr.data.phantoms.lungs import Lungs, splat

LABELS = ("normal", "pneumonia", "covid")


@dataclass(frozen=True)
class _Lobe:
    """Where one lobe's consolidation lies; positions as in ``Lungs.down`` and ``Lungs.across``."""

    side: int
    down: tuple[float, float]
    across: tuple[float, float]
    fissure: tuple[float, float]  # softness of its upper and lower border


_LOBES = (
    _Lobe(0, (0.14, 0.47), (0.0, 1.0), (0.2, 0.05)),  # right upper, on the horizontal fissure
    _Lobe(0, (0.48, 0.80), (0.0, 0.72), (0.05, 0.2)),  # right middle, beside the heart
    _Lobe(0, (0.60, 1.10), (0.12, 1.0), (0.14, 0.10)),  # right lower
    _Lobe(1, (0.12, 0.52), (0.0, 0.95), (0.16, 0.12)),  # left upper
    _Lobe(1, (0.56, 1.10), (0.05, 1.0), (0.14, 0.10)),  # left lower
)


def draw_disease(label: str, grid: Grid, lungs: Lungs, rng: np.random.Generator) -> Field:
    """Draw the fluid fraction of one patient with ``label``, 0 to 1, (H, W).

    Raises:
        InputError: If ``label`` is none of ``LABELS``.
    """
    if label == "normal":
        return np.zeros_like(grid.x)
    if label == "pneumonia":
        return _consolidation(grid, lungs, rng)
    if label == "covid":
        return _ground_glass(grid, lungs, rng)
    raise InputError(f"label must be one of {', '.join(LABELS)}, got {label!r}")


def _consolidation(grid: Grid, lungs: Lungs, rng: np.random.Generator) -> Field:
    """Fill most of one lobe densely; open bronchi stay dark in some patients."""
    lobe = _LOBES[rng.integers(len(_LOBES))]
    warp = _unevenness(grid, grain_mm=16, rng=rng)
    down, across = lungs.down + 0.035 * warp, lungs.across + 0.07 * warp
    upper, lower = lobe.fissure
    filled = smoothstep((down - lobe.down[0]) / upper + 0.5)
    filled *= smoothstep((lobe.down[1] - down) / lower + 0.5)
    filled *= smoothstep((across - lobe.across[0]) / 0.25 + 0.8)
    filled *= smoothstep((lobe.across[1] - across) / 0.35 + 0.5)
    density = rng.uniform(0.62, 0.9) * (1 + 0.12 * _unevenness(grid, grain_mm=5, rng=rng))
    if rng.random() < 0.6:  # noqa: PLR2004
        density = density * (1 - _open_bronchi(grid, lobe, lungs, rng))
    return _within(filled * density, lungs, side=lobe.side)


def _open_bronchi(grid: Grid, lobe: _Lobe, lungs: Lungs, rng: np.random.Generator) -> Field:
    """Air bronchograms: dark streaks that fan out from the root of the lung, 0 to 0.35, (H, W)."""
    there = lungs.mask & (lungs.side == lobe.side)
    middle = there & (np.abs(lungs.down - sum(lobe.down) / 2) < 0.1)  # noqa: PLR2004
    target = np.array([grid.x[middle].mean(), grid.y[middle].mean()])
    root = np.array([(-30.0, 30.0)[lobe.side], -10.0])
    heading = np.arctan2(*(target - root)[::-1]) + rng.uniform(-0.45, 0.45, 4)
    along = np.arange(15.0, 95.0, 0.7)
    curve = heading[:, None] + np.cumsum(rng.normal(0, 0.012, (4, along.size)), axis=1)
    streaks = root + along[None, :, None] * np.stack([np.cos(curve), np.sin(curve)], axis=2)
    amount = splat(streaks.reshape(-1, 2), grid)
    soft: Field = gaussian_filter(amount, 1.3 / grid.placement.spacing_mm)
    streaks_seen: Field = np.clip(0.7 * soft, 0, 0.35)
    return streaks_seen


def _ground_glass(grid: Grid, lungs: Lungs, rng: np.random.Generator) -> Field:
    """Scatter faint patches over both lungs, mostly near the ribs and towards the bases."""
    clear = np.ones_like(grid.x)
    warp = 0.22 * _unevenness(grid, grain_mm=10, rng=rng)
    for side in (0, 1):
        for _ in range(rng.integers(3, 6)):
            patch = smoothstep(1.25 - _distance(side, grid, lungs, rng) + warp)
            clear *= 1 - rng.uniform(0.28, 0.48) * patch
    veil = 1 + 0.13 * _unevenness(grid, grain_mm=2.4, rng=rng)
    return _within((1 - clear) * veil, lungs)


def _distance(side: int, grid: Grid, lungs: Lungs, rng: np.random.Generator) -> Field:
    """Distance from a patch's centre in units of its radius; the centre is peripheral and basal."""
    across, down = 1 - 0.45 * rng.beta(1.2, 2.0), 1 - 0.62 * rng.beta(1.2, 1.7)
    fit = (lungs.across - across) ** 2 + (lungs.down - down) ** 2
    row, column = np.unravel_index(
        np.argmin(np.where(lungs.mask & (lungs.side == side), fit, np.inf)), fit.shape
    )
    width, height = rng.uniform(16, 30), rng.uniform(20, 36)
    x, y = grid.x - grid.x[row, column], grid.y - grid.y[row, column]
    distance: Field = np.hypot(x / width, y / height)
    return distance


def _unevenness(grid: Grid, *, grain_mm: float, rng: np.random.Generator) -> Field:
    """Smooth noise of standard deviation 1, (H, W)."""
    step = max(1, int(grain_mm / grid.placement.spacing_mm / 2))
    height, width = grid.x.shape
    coarse = rng.standard_normal((-(-height // step) + 2, -(-width // step) + 2), np.float32)
    coarse = gaussian_filter(coarse, grain_mm / grid.placement.spacing_mm / step, truncate=3)
    smooth = zoom(coarse, step, order=1)[:height, :width]
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def _within(fraction: Field, lungs: Lungs, *, side: int | None = None) -> Field:
    """Keep a fluid fraction to the lungs, or to one of them, and to 0 to 1."""
    there = lungs.mask if side is None else lungs.mask & (lungs.side == side)
    return np.where(there, np.clip(fraction, 0, 1), 0).astype(np.float32)
