"""Who is on the image: the measurements of one made-up person, and where they stand.

Everything that is drawn lies in the person's own plane: x in mm to the viewer's right (the person's
left), y in mm downwards, the origin on the midline at mid-lung height. The viewer's left half is
side 0, the right half side 1: pairs of values are always in this order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Field = NDArray[np.floating[Any]]
Pair = tuple[float, float]

_TABLE_STEP_MM = 0.25
_TABLE_REACH_MM = 340.0


@dataclass(frozen=True)
class Anatomy:
    """Measurements of one person, in mm and cm of soft tissue.

    Attributes:
        half_width_mm: Inner half width of the rib cage at its widest.
        apex_mm: y of the two lung apices.
        angle_mm: y of the two costophrenic angles, the lungs' lowest points.
        dome_mm: How far the two diaphragm domes rise above the costophrenic angles.
        heart: Width of the heart relative to an average one.
        aorta: Width of the aortic knob relative to an average one.
        shoulder_mm: Half width at the shoulders.
        waist_mm: Half width of the trunk below the armpits.
        depth_cm: Chest depth, front to back, at the midline.
        breast_mm: Radius of the breast shadows, 0 for none.
        arm_slope: mm that an arm moves outwards per mm downwards.
        rib_spacing_mm: Distance from one rib to the next.
        rib_offset_mm: y of the first rib at the spine, relative to the apices.
        rib_slope: How much the ribs fall on their way to the front, relative to average.
        clavicle_mm: y of the clavicles' inner ends.
        clavicle_rise_mm: How far the clavicles rise towards the shoulders.
        gastric_bubble_mm: Radius of the air bubble in the stomach, 0 for none.
        spine_bend_mm: Sideways bow of the spine.
        vessels: Density of the lung vessels relative to average.
        vessel_seed: Seed of the vessel trees, so that a person keeps them from image to image.
    """

    half_width_mm: float
    apex_mm: Pair
    angle_mm: Pair
    dome_mm: Pair
    heart: float
    aorta: float
    shoulder_mm: float
    waist_mm: float
    depth_cm: float
    breast_mm: float
    arm_slope: float
    rib_spacing_mm: float
    rib_offset_mm: float
    rib_slope: float
    clavicle_mm: float
    clavicle_rise_mm: float
    gastric_bubble_mm: float
    spine_bend_mm: float
    vessels: float
    vessel_seed: int


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one adult; proportions vary as they do between people, never between hospitals."""
    size = rng.uniform(0.92, 1.06)
    apex, angle = -118.0 * size + rng.normal(0, 5), 112.0 * size + rng.normal(0, 6)
    dome = rng.uniform(34, 54)
    half_width = 130.0 * size + rng.normal(0, 4)
    return Anatomy(
        half_width_mm=half_width,
        apex_mm=(apex + rng.normal(0, 2), apex + rng.normal(0, 2)),
        angle_mm=(angle + rng.normal(0, 3), angle + 4 + rng.normal(0, 3)),
        dome_mm=(dome + 6, dome - rng.uniform(2, 10)),
        heart=rng.uniform(0.86, 1.12),
        aorta=rng.uniform(0.8, 1.2),
        shoulder_mm=half_width * rng.uniform(1.42, 1.56),
        waist_mm=half_width + rng.uniform(22, 38),
        depth_cm=rng.uniform(19.5, 23.5),
        breast_mm=rng.uniform(52, 72) if rng.random() < 0.4 else 0.0,  # noqa: PLR2004
        arm_slope=rng.uniform(0.12, 0.5),
        rib_spacing_mm=rng.uniform(21, 24.5) * size,
        rib_offset_mm=rng.uniform(-6, 6),
        rib_slope=rng.uniform(0.85, 1.2),
        clavicle_mm=apex + rng.uniform(26, 42),
        clavicle_rise_mm=rng.uniform(14, 40),
        gastric_bubble_mm=rng.uniform(13, 24) if rng.random() < 0.6 else 0.0,  # noqa: PLR2004
        spine_bend_mm=rng.normal(0, 3),
        vessels=rng.uniform(0.8, 1.2),
        vessel_seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Placement:
    """Where the image is in the person's plane.

    Attributes:
        height_px: Rows of the image.
        width_px: Columns of the image.
        spacing_mm: Side of the square pixels.
        rotation_deg: How far the person is turned in the image's plane, clockwise.
        centre_mm: The point (x, y) of the person's plane at the centre of the image.
    """

    height_px: int
    width_px: int
    spacing_mm: float
    rotation_deg: float
    centre_mm: Pair


@dataclass(frozen=True)
class Grid:
    """The person's coordinates of every pixel of an image.

    Attributes:
        x: mm to the viewer's right of the midline, (H, W).
        y: mm below mid-lung height, (H, W).
        placement: What the coordinates were made from.
    """

    x: Field
    y: Field
    placement: Placement

    def locate(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn points (N, 2) of (x, y) in mm into fractional (row, column), (N, 2)."""
        spot = self.placement
        angle = np.deg2rad(spot.rotation_deg)
        dx, dy = (points - np.asarray(spot.centre_mm)).T
        column = (np.cos(angle) * dx - np.sin(angle) * dy) / spot.spacing_mm
        row = (np.sin(angle) * dx + np.cos(angle) * dy) / spot.spacing_mm
        return np.stack([row + (spot.height_px - 1) / 2, column + (spot.width_px - 1) / 2], axis=1)


def make_grid(placement: Placement) -> Grid:
    """Lay the image of ``placement`` over the person's plane."""
    angle = np.deg2rad(placement.rotation_deg)
    rows = (np.arange(placement.height_px) - (placement.height_px - 1) / 2) * placement.spacing_mm
    columns = (np.arange(placement.width_px) - (placement.width_px - 1) / 2) * placement.spacing_mm
    x = np.cos(angle) * columns[None, :] + np.sin(angle) * rows[:, None] + placement.centre_mm[0]
    y = -np.sin(angle) * columns[None, :] + np.cos(angle) * rows[:, None] + placement.centre_mm[1]
    return Grid(x=x.astype(np.float32), y=y.astype(np.float32), placement=placement)


class Profile:
    """A smooth curve through given knots that keeps their monotony, looked up on whole images."""

    def __init__(self, at_mm: Sequence[float], values: Sequence[float]) -> None:
        """Pass a curve through ``values`` at the rising positions ``at_mm``; constant beyond."""
        positions = np.arange(-_TABLE_REACH_MM, _TABLE_REACH_MM, _TABLE_STEP_MM)
        curve = PchipInterpolator(at_mm, values)
        self._table: Field = curve(np.clip(positions, at_mm[0], at_mm[-1])).astype(np.float32)

    def __call__(self, positions_mm: Field) -> Field:
        """Read the curve at every position, of any shape."""
        index = ((positions_mm + _TABLE_REACH_MM) / _TABLE_STEP_MM).astype(np.intp)
        return self._table[np.clip(index, 0, self._table.size - 1)]


def smoothstep(values: Field) -> Field:
    """Rise smoothly from 0 at 0 to 1 at 1, flat beyond."""
    clipped = np.clip(values, 0, 1)
    risen = 3 - 2 * clipped
    risen *= clipped
    risen *= clipped
    return risen.astype(np.float32, copy=False)


def bump(distance: Field, half_width: float, *, edge: float) -> Field:
    """One inside ``half_width`` of 0, falling to 0 over ``edge`` around it; same units."""
    return smoothstep((half_width + edge / 2 - np.abs(distance)) / edge)
