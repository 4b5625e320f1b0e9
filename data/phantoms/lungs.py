"""The lung fields: their exact outline, the air in them, and the vessels that run through them.

The outline is what a radiologist would draw: aerated lung beside the heart and mediastinum and
above the diaphragm. Lung behind the heart or below the domes is not part of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label

from isnet_cxr.data.phantoms.anatomy import Anatomy, Field, Grid, Profile, smoothstep

# Outlines by height: 0 at the apex, 1 at the costophrenic angle; widths in units of the rib cage.
_HEIGHTS = (-0.3, 0.0, 0.01, 0.03, 0.07, 0.13, 0.25, 0.45, 0.70, 0.90, 1.0, 1.3)
_LATERAL = (0.42, 0.44, 0.51, 0.58, 0.66, 0.73, 0.83, 0.93, 0.985, 1.0, 0.995, 0.95)
_APICAL = (0.42, 0.40, 0.34, 0.28, 0.23, 0.18, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_HEART_HEIGHTS = (-0.3, 0.08, 0.16, 0.25, 0.33, 0.42, 0.52, 0.62, 0.72, 0.82, 0.92, 1.0, 1.3)
_HEART_EDGE = (
    (0.21, 0.19, 0.19, 0.18, 0.18, 0.20, 0.24, 0.31, 0.345, 0.335, 0.28, 0.24, 0.20),
    (0.21, 0.19, 0.20, 0.27, 0.22, 0.25, 0.36, 0.49, 0.575, 0.62, 0.60, 0.52, 0.40),
)
_HEART_FROM, _KNOB_AT = 0.4, 0.25

_LUNG_DEPTH_CM = 15.0
_HILUM_MM = (30.0, 0.42)  # beside the midline; height between apex and angle


@dataclass(frozen=True)
class Lungs:
    """Both lungs on the pixels of one image.

    Attributes:
        mask: True in the lung fields, (H, W).
        air_cm: Length of aerated lung that a ray passes, 0 outside the mask, (H, W).
        across: 0 at the mediastinum, 1 at the ribs, (H, W); only meant inside the mask.
        down: 0 at the apex, 1 at the diaphragm, (H, W); only meant inside the mask.
        side: 0 in the viewer's left half, 1 in the right half, (H, W).
        heart: 0 outside the mediastinal shadow, rising to 1 in its thickest part, (H, W).
        below: 0 above the domes, rising to 1 well below them, (H, W).
        hidden_air_cm: Lung behind the heart and behind the domes, 0 inside the mask, (H, W).
    """

    mask: NDArray[np.bool_]
    air_cm: Field
    across: Field
    down: Field
    side: NDArray[np.intp]
    heart: Field
    below: Field
    hidden_air_cm: Field


def outline_lungs(anatomy: Anatomy, grid: Grid) -> Lungs:
    """Place the lungs of ``anatomy`` on the pixels of ``grid``."""
    side = (grid.x > 0).astype(np.intp)
    beside = np.abs(grid.x)
    lateral, medial, dome = (
        np.where(side == 1, right, left)
        for left, right in zip(_edges(anatomy, grid, 0), _edges(anatomy, grid, 1), strict=True)
    )
    apex, angle = (
        np.take(np.asarray(ends, np.float32), side) for ends in (anatomy.apex_mm, anatomy.angle_mm)
    )
    mask = _two_pieces((beside > medial) & (beside < lateral) & (grid.y > apex) & (grid.y < dome))
    edge_on = 1 - np.clip(beside / lateral, 0, 1) ** 4
    apical = 0.35 + 0.65 * smoothstep((grid.y - apex) / 90)
    height = (grid.y - apex) / (angle - apex)
    behind = np.sqrt(np.clip(1 - (beside / np.maximum(medial, 1)) ** 2, 0, 1))
    rounded = 0.66 + 0.34 * smoothstep((beside - medial) / 18)  # the heart bulges in front of lung
    air = _LUNG_DEPTH_CM * np.sqrt(edge_on) * apical
    past_dome = np.clip(1 - np.maximum(grid.y - dome, 0) / 55, 0, 1) * (beside < lateral)
    hidden = 0.42 * air * (1 - behind) * past_dome**1.5
    hidden *= smoothstep((grid.y - apex - 40) / 90)
    return Lungs(
        mask=mask,
        air_cm=np.where(mask, air * rounded, 0).astype(np.float32),
        across=np.clip((beside - medial) / np.maximum(lateral - medial, 1), 0, 1),
        down=np.clip((grid.y - apex) / np.maximum(dome - apex, 1), 0, 1),
        side=side,
        heart=(behind * np.clip(0.55 + 0.75 * height, 0.6, 1)).astype(np.float32),
        below=smoothstep((grid.y - dome) / 70),
        hidden_air_cm=np.where(mask, 0, hidden).astype(np.float32),
    )


def _two_pieces(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop pixels that the raster has cut off from a sharp angle of a lung."""
    pieces, count = label(mask)
    largest = np.argsort(np.bincount(pieces.ravel(), minlength=count + 1)[1:])[-2:] + 1
    return np.isin(pieces, largest)


def _edges(anatomy: Anatomy, grid: Grid, side: int) -> tuple[Field, Field, Field]:
    """Distances of outer and inner lung edge from the midline, and y of the dome, (H, W)."""
    apex, angle, half_width = anatomy.apex_mm[side], anatomy.angle_mm[side], anatomy.half_width_mm

    def curve(heights: tuple[float, ...], widths: tuple[float, ...]) -> Profile:
        positions = [apex + height * (angle - apex) for height in heights]
        return Profile(positions, [width * half_width for width in widths])

    inner = tuple(
        0.19 + (width - 0.19) * _swell(anatomy, side, height)
        for height, width in zip(_HEART_HEIGHTS, _HEART_EDGE[side], strict=True)
    )
    medial = np.maximum(curve(_HEART_HEIGHTS, inner)(grid.y), curve(_HEIGHTS, _APICAL)(grid.y))
    return curve(_HEIGHTS, _LATERAL)(grid.y), medial, _dome(anatomy, np.abs(grid.x), side)


def _swell(anatomy: Anatomy, side: int, height: float) -> float:
    """How much the mediastinal edge of this height bulges relative to average."""
    if height > _HEART_FROM:
        return anatomy.heart
    return anatomy.aorta if side == 1 and abs(height - _KNOB_AT) < 0.01 else 1.0  # noqa: PLR2004


def _dome(anatomy: Anatomy, beside: Field, side: int) -> Field:
    """Height (y) of the diaphragm at a distance from the midline, (H, W)."""
    top, rise = anatomy.angle_mm[side] - anatomy.dome_mm[side], anatomy.dome_mm[side]
    summit = 0.48 * anatomy.half_width_mm
    outwards = np.clip((beside - summit) / (anatomy.half_width_mm - summit), 0, 1.1)
    inwards = np.clip((summit - beside) / summit, 0, 1)
    return np.asarray(top + rise * outwards**2.4 + 0.35 * rise * inwards**2, dtype=np.float32)


def draw_vessels(anatomy: Anatomy, grid: Grid, lungs: Lungs) -> Field:
    """Trace both lungs' vessel trees and hila, in cm of blood, 0 outside the mask, (H, W)."""
    rng = np.random.default_rng(anatomy.vessel_seed)
    vessels = np.zeros_like(grid.x)
    for level, branches in enumerate(_grow_trees(anatomy, rng)):
        calibre_mm = (2.6, 1.7, 1.0)[level]
        amount = splat(branches, grid) * (calibre_mm / 10) ** 2 * (46, 66, 105)[level]
        vessels += gaussian_filter(amount, calibre_mm / grid.placement.spacing_mm / 2, truncate=3)
    for side, sign in enumerate((-1, 1)):
        centre = _hilum(anatomy, side)
        away = ((grid.x - sign * (centre[0] + 4)) / 15) ** 2 + ((grid.y - centre[1]) / 26) ** 2
        vessels += 2.2 * np.exp(-away)
    return np.where(lungs.mask, anatomy.vessels * vessels, 0).astype(np.float32)


def splat(points: NDArray[np.floating], grid: Grid) -> Field:
    """Count points (N, 2) of (x, y) in mm per mm2 of image, spread bilinearly, (H, W)."""
    height, width = grid.x.shape
    spots = grid.locate(points)
    corner = np.floor(spots).astype(np.intp)
    fraction = spots - corner
    amount = np.zeros(height * width)
    for down in (0, 1):
        for right in (0, 1):
            row, column = corner[:, 0] + down, corner[:, 1] + right
            weight = np.abs(1 - down - fraction[:, 0]) * np.abs(1 - right - fraction[:, 1])
            seen = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            amount += np.bincount(
                row[seen] * width + column[seen], weight[seen], minlength=height * width
            )
    return (amount.reshape(height, width) / grid.placement.spacing_mm**2).astype(np.float32)


def _hilum(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Distance from the midline and y of the root of one lung's vessels."""
    beside, height = _HILUM_MM
    apex, angle = anatomy.apex_mm[side], anatomy.angle_mm[side]
    return beside, apex + height * (angle - apex)


def _grow_trees(
    anatomy: Anatomy, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Grow three generations of branches, thick to thin: points one mm apart, (N, 2) each."""
    levels: list[list[NDArray[np.float64]]] = [[], [], []]
    for side, sign in enumerate((-1, 1)):
        angles = np.deg2rad(np.linspace(-78, 84, 9) + rng.normal(0, 5, 9))
        starts = np.array(_hilum(anatomy, side)) + rng.normal(0, (3, 11), (9, 2))
        lengths = np.array([70, 80, 85]), np.array([45, 55]), np.array([26, 34])
        for level, choice in enumerate(lengths):
            paths = _wander(starts, angles, int(rng.choice(choice)), rng)
            levels[level].append(paths.reshape(-1, 2) * (sign, 1))
            starts, angles = _bud(paths, angles, rng)
    trunks, branches, twigs = (np.concatenate(level) for level in levels)
    return trunks, branches, twigs


def _wander(
    starts: NDArray[np.float64], angles: NDArray[np.float64], length: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Walk ``length`` steps of one mm from every start (N, 2), turning gently: (N, length, 2)."""
    heading = angles[:, None] + np.cumsum(rng.normal(0, 0.035, (len(angles), length)), axis=1)
    steps = np.stack([np.cos(heading), np.sin(heading)], axis=2)
    paths: NDArray[np.float64] = starts[:, None] + np.cumsum(steps, axis=1)
    return paths


def _bud(
    paths: NDArray[np.float64], angles: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Choose where three children leave every path (N, L, 2), and their headings."""
    children = 3
    count, length = paths.shape[:2]
    at = rng.integers(length // 4, length, (count, children))
    turn = rng.choice([-1, 1], (count, children)) * rng.uniform(0.35, 0.9, (count, children))
    starts = np.take_along_axis(paths, at[:, :, None], axis=1)
    return starts.reshape(-1, 2), (angles[:, None] + turn).ravel()
