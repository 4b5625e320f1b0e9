"""Body outline, arms, breasts, mediastinum, windpipe and upper abdomen, in cm of soft tissue."""

import numpy as np

from isnet_cxr.data.phantoms.anatomy import Anatomy, Field, Grid, Profile, bump, smoothstep
from isnet_cxr.data.phantoms.lungs import Lungs
from isnet_cxr.data.phantoms.skeleton import arm_axis


def draw_soft_tissue(anatomy: Anatomy, grid: Grid, lungs: Lungs) -> Field:
    """Soft tissue on the way of every ray before the lungs' air is taken away, (H, W)."""
    tissue = np.maximum(_trunk(anatomy, grid), _arms(anatomy, grid))
    tissue += _breasts(anatomy, grid)
    tissue += 1.5 * lungs.below + 0.6 * lungs.heart
    tissue -= _windpipe(anatomy, grid) + _stomach_air(anatomy, grid, lungs)
    return np.maximum(tissue, 0).astype(np.float32)


def body_outline(anatomy: Anatomy, grid: Grid) -> Field:
    """Half width of neck, shoulders and trunk at the height of every pixel, in mm, (H, W)."""
    top = sum(anatomy.apex_mm) / 2
    shoulder, waist = anatomy.shoulder_mm, anatomy.waist_mm
    heights = [top + offset for offset in (-95, -62, -42, -26, -8, 16, 62, 110, 260)]
    return Profile(
        heights,
        [56, 62, 80, 0.58 * shoulder, 0.88 * shoulder, shoulder, waist + 12, waist, waist],
    )(grid.y)


def _trunk(anatomy: Anatomy, grid: Grid) -> Field:
    """Depth of neck, shoulders, chest and belly along the ray."""
    top = sum(anatomy.apex_mm) / 2
    depth = Profile(
        [top - 80, top - 30, top + 10, top + 80, top + 200, top + 300],
        [10.5, 12.0, 15.5, anatomy.depth_cm, anatomy.depth_cm, anatomy.depth_cm + 1.0],
    )(grid.y)
    across = np.clip(np.abs(grid.x) / body_outline(anatomy, grid), 0, 1)
    return (depth * np.sqrt(1 - across**5)).astype(np.float32)


def _arms(anatomy: Anatomy, grid: Grid) -> Field:
    """Round arms that hang from the shoulders."""
    radius_mm = 37.0
    chord = np.sqrt(np.clip(radius_mm**2 - arm_axis(anatomy, grid) ** 2, 0, None))
    top = sum(anatomy.apex_mm) / 2
    return np.asarray(0.22 * chord * smoothstep((grid.y - top - 10) / 40), dtype=np.float32)


def _breasts(anatomy: Anatomy, grid: Grid) -> Field:
    """Two shallow domes whose lower edge shows best."""
    if not anatomy.breast_mm:
        return np.zeros_like(grid.x)
    x = np.abs(grid.x) - 0.62 * anatomy.half_width_mm
    y = grid.y - 52
    away = np.hypot(x, np.where(y > 0, y, 0.7 * y)) / anatomy.breast_mm
    lower = smoothstep((y / anatomy.breast_mm + 0.9) / 1.6)
    return (2.6 * np.sqrt(np.clip(1 - away**2, 0, 1)) * lower).astype(np.float32)


def _windpipe(anatomy: Anatomy, grid: Grid) -> Field:
    """The air column from the neck to its fork, and the two main bronchi."""
    top = sum(anatomy.apex_mm) / 2
    fork = top + 82
    bend = 5 * smoothstep((grid.y - top - 10) / 60)  # pushed aside by the aortic arch
    tube = bump(grid.x + bend, 7.5, edge=6) * smoothstep((fork - grid.y) / 8)
    past = grid.y - fork
    fork_gap = np.abs(np.abs(grid.x + 4) - 2 - np.clip(past, 0, 40) * 0.9)
    bronchi = bump(fork_gap, 5, edge=6) * bump(past - 14, 18, edge=10)
    return (1.9 * tube + 0.9 * bronchi).astype(np.float32)


def _stomach_air(anatomy: Anatomy, grid: Grid, lungs: Lungs) -> Field:
    """A bubble with a lower level under the left dome, where there is one."""
    radius = anatomy.gastric_bubble_mm
    if not radius:
        return np.zeros_like(grid.x)
    top = anatomy.angle_mm[1] - anatomy.dome_mm[1] + 12 + radius
    x, y = (grid.x - 0.52 * anatomy.half_width_mm) / 1.5, grid.y - top
    bubble = np.sqrt(np.clip(1 - (x**2 + y**2) / radius**2, 0, 1))
    bubble *= smoothstep((0.45 * radius - y) / 4)
    return (0.24 * radius * bubble * (lungs.below > 0)).astype(np.float32)
