"""Bones: ribs, clavicles, spine, scapulae and arm bones, as cm of soft tissue added to a ray."""

import numpy as np

from isnet_cxr.data.phantoms.anatomy import Anatomy, Field, Grid, bump, smoothstep
from isnet_cxr.data.phantoms.lungs import Lungs

_RIB_COUNT = 10
_VERTEBRA_MM = 25.0


def draw_skeleton(anatomy: Anatomy, grid: Grid, lungs: Lungs) -> Field:
    """Sum of all bones on the image, (H, W)."""
    return (
        _ribs(anatomy, grid)
        + _clavicles(anatomy, grid)
        + _spine(anatomy, grid)
        + _scapulae(anatomy, grid)
        + _arm_bones(anatomy, grid)
    )


def _bone(distance_mm: Field, half_width_mm: float, *, shaft_cm: float, cortex_cm: float) -> Field:
    """A tube seen from the side: a filled shaft with brighter edges."""
    shaft = bump(distance_mm, half_width_mm, edge=2.4)
    cortex = bump(np.abs(distance_mm) - half_width_mm + 1.0, 0.7, edge=2.0)
    return (shaft_cm * shaft + cortex_cm * cortex).astype(np.float32)


def _ribs(anatomy: Anatomy, grid: Grid) -> Field:
    """Ten pairs of ribs: arcs from the spine over the flank, and down again to the front.

    A rib is a half ellipse that lies on its side. All ribs of a kind are one field: the distance
    to the nearest rib follows from the height in units of the rib spacing.
    """
    apex = sum(anatomy.apex_mm) / 2
    reach = anatomy.half_width_mm * (
        0.62 + 0.40 * np.sqrt(np.clip((grid.y - apex + 22) / 150, 0, 1))
    )
    across = np.clip(np.abs(grid.x) / reach, 0, 1)
    arc = np.sqrt(1 - across**2)
    first = apex + anatomy.rib_offset_mm
    fall = anatomy.rib_slope * (26 + 0.16 * (grid.y - apex))
    back = grid.y - first - fall * (1 - arc)
    front = grid.y - first - fall - 1.15 * fall * arc
    inside = (np.abs(grid.x) < reach).astype(np.float32)
    costal = smoothstep((across - 0.42) / 0.12)  # cartilage near the breastbone does not show
    flank = 1 + 1.3 * smoothstep((across - 0.86) / 0.13)
    posterior = _row_of_ribs(back, anatomy.rib_spacing_mm, half_width_mm=5.6, dense=0.8)
    anterior = _row_of_ribs(front, anatomy.rib_spacing_mm, half_width_mm=6.8, dense=0.5)
    return ((posterior * flank + anterior * costal) * inside).astype(np.float32)


def _row_of_ribs(
    height_mm: Field, spacing_mm: float, *, half_width_mm: float, dense: float
) -> Field:
    """Ribs at every multiple of ``spacing_mm``, from the first to the last."""
    number = np.round(height_mm / spacing_mm)
    distance = height_mm - number * spacing_mm
    there = (number >= 0) & (number < _RIB_COUNT)
    tube = _bone(distance, half_width_mm, shaft_cm=dense, cortex_cm=0.45 * dense)
    return np.where(there, tube, 0).astype(np.float32)


def _clavicles(anatomy: Anatomy, grid: Grid) -> Field:
    """Two flat S curves from the breastbone to the shoulders."""
    beside = np.abs(grid.x)
    reach = 0.9 * anatomy.shoulder_mm
    along = (beside - 14) / (reach - 14)
    wave = 7 * np.sin(2 * np.pi * np.clip(along, 0, 1))
    centre = anatomy.clavicle_mm - anatomy.clavicle_rise_mm * along + wave
    ends = bump(along - 0.5, 0.5, edge=0.04)
    thick = 5.6 + 2.0 * smoothstep((0.16 - along) / 0.16) + 1.0 * smoothstep((along - 0.8) / 0.2)
    distance = (grid.y - centre) * 5.6 / thick
    return _bone(distance, 5.6, shaft_cm=1.3, cortex_cm=0.7) * ends


def _spine(anatomy: Anatomy, grid: Grid) -> Field:
    """A column of vertebral bodies with discs, pedicles and spinous processes."""
    x = grid.x - anatomy.spine_bend_mm * np.cos(grid.y / 90)
    step = grid.y / _VERTEBRA_MM
    within = (step - np.round(step)) * _VERTEBRA_MM
    waist = 18.5 - 2.0 * np.cos(2 * np.pi * within / _VERTEBRA_MM) + 0.018 * grid.y
    body = smoothstep((waist + 1.5 - np.abs(x)) / 3)
    disc = bump(np.abs(within) - _VERTEBRA_MM / 2, 2.0, edge=3)
    pedicles = bump(np.hypot(np.abs(x) - 10.5, (within + 4) * 0.75), 3.4, edge=2.2)
    process = bump(np.hypot(x * 1.5, (within - 3) * 0.55), 4.2, edge=2.4)
    rims = smoothstep((2.2 - np.abs(np.abs(x) - waist + 1)) / 2)
    transverse = bump(within + 5, 2.6, edge=3) * bump(np.abs(x) - 20, 8, edge=5)
    bone = body * (1.9 - 0.6 * disc) + 0.6 * pedicles + 0.7 * process + 0.35 * rims
    return np.asarray(bone + 0.45 * transverse, dtype=np.float32)


def _scapulae(anatomy: Anatomy, grid: Grid) -> Field:
    """Thin triangles beside and over the outer upper lungs, with a dense outer border."""
    beside, top = np.abs(grid.x), sum(anatomy.apex_mm) / 2 + 18
    down = (grid.y - top) / 125
    outer = anatomy.shoulder_mm * 0.9 - 46 * np.clip(down, 0, 1) ** 0.8
    inner = outer - 62 * np.clip(1 - down, 0, 1) - 3
    blade = smoothstep((outer - beside) / 4) * smoothstep((beside - inner) / 5)
    blade *= smoothstep(down / 0.08) * smoothstep((1 - down) / 0.08)
    border = bump(beside - outer + 3, 2.4, edge=3) * bump(down - 0.5, 0.46, edge=0.1)
    return (0.28 * blade + 0.75 * border).astype(np.float32)


def arm_axis(anatomy: Anatomy, grid: Grid) -> Field:
    """Distance of every pixel from the axis of its arm, in mm, (H, W)."""
    shoulder = sum(anatomy.apex_mm) / 2 + 34
    slope = anatomy.arm_slope
    axis = anatomy.shoulder_mm * 0.95 + slope * (grid.y - shoulder)
    return np.asarray((np.abs(grid.x) - axis) / np.hypot(1, slope), dtype=np.float32)


def _arm_bones(anatomy: Anatomy, grid: Grid) -> Field:
    """Upper arm bones with their round heads in the shoulder joints."""
    shoulder = sum(anatomy.apex_mm) / 2 + 34
    shaft = _bone(arm_axis(anatomy, grid), 9.5, shaft_cm=1.1, cortex_cm=1.3)
    shaft *= smoothstep((grid.y - shoulder - 4) / 12)
    off_centre = np.hypot(np.abs(grid.x) - 0.95 * anatomy.shoulder_mm + 4, grid.y - shoulder + 4)
    head = bump(off_centre, 21, edge=4)
    socket = bump(off_centre - 26, 2.2, edge=3) * (np.abs(grid.x) < 0.95 * anatomy.shoulder_mm - 8)
    return np.asarray(shaft + 1.9 * head + 0.8 * socket, dtype=np.float32)
