"""How alike two films are once one is laid on the other: shifted and scaled per axis."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from data.fingerprints import Plane

ITERATIONS = 10
HOPELESS = 0.7
"""Correlation of the rough structure below which the fine one is not looked at."""

MIN_OVERLAP = 0.5
MAX_STRETCH = 1.8

Placement = NDArray[np.float64]
"""(row scale, column scale, row shift, column shift), in half widths from the centre."""


def register(
    fixed: Sequence[Plane], moving: Sequence[Plane], start: Placement
) -> tuple[float, Placement]:
    """Lay ``moving`` on ``fixed`` by Gauss-Newton steps on their details, from rough to fine.

    Args:
        fixed: Details of one film, (S, S) each, as ``Fingerprint.levels``.
        moving: Details of the other film, of the same sizes.
        start: Where a point of ``fixed`` is in ``moving``, roughly.

    Returns:
        Correlation of the finest details in the overlap, -1 where less than half of ``fixed`` is
        covered, and the placement found.
    """
    placement, correlation = start.copy(), -1.0
    for target, source in zip(fixed, moving, strict=True):
        placement = _descend(target, source, placement)
        correlation = _correlation(target, source, placement)
        if correlation < HOPELESS:
            break
    return correlation, placement


@cache
def _grid(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return row and column of every pixel, in [-1, 1] from the centre."""
    line: NDArray[np.float64] = np.linspace(-1.0, 1.0, size)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return rows.ravel(), columns.ravel()


def _sample(image: Plane, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Plane:
    half = (image.shape[0] - 1) / 2
    at = np.stack([(rows + 1) * half, (columns + 1) * half])
    return np.asarray(map_coordinates(image, at, order=1, mode="constant"), dtype=np.float32)


def _place(
    placement: Placement, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    rows, columns = _grid(size)
    moved_rows = placement[0] * rows + placement[2]
    moved_columns = placement[1] * columns + placement[3]
    return moved_rows, moved_columns, (np.abs(moved_rows) <= 1) & (np.abs(moved_columns) <= 1)


def _descend(target: Plane, source: Plane, placement: Placement) -> Placement:
    size = target.shape[0]
    rows, columns = _grid(size)
    half = (size - 1) / 2
    slopes = [np.asarray(slope * half, dtype=np.float32) for slope in np.gradient(source)]
    for _ in range(ITERATIONS):
        moved_rows, moved_columns, inside = _place(placement, size)
        if inside.mean() < MIN_OVERLAP:
            break
        error = (target.ravel() - _sample(source, moved_rows, moved_columns))[inside]
        down, across = (_sample(slope, moved_rows, moved_columns)[inside] for slope in slopes)
        jacobian = np.stack([down * rows[inside], across * columns[inside], down, across], axis=1)
        normal = jacobian.T @ jacobian + 1e-3 * np.eye(4) * len(error)
        step = np.linalg.solve(normal, jacobian.T @ error)
        placement = placement + step
        if np.abs(step).max() < 1e-3:  # noqa: PLR2004 - a twentieth of a pixel
            break
    return placement


def _correlation(target: Plane, source: Plane, placement: Placement) -> float:
    moved_rows, moved_columns, inside = _place(placement, target.shape[0])
    if inside.mean() < MIN_OVERLAP or not _is_plausible(placement):
        return -1.0
    first, second = target.ravel()[inside], _sample(source, moved_rows, moved_columns)[inside]
    if first.std() == 0 or second.std() == 0:
        return -1.0
    return float(np.corrcoef(first, second)[0, 1])


def _is_plausible(placement: Placement) -> bool:
    """Claim that neither axis is stretched, shrunk or mirrored beyond what cropping explains."""
    scales = placement[:2]
    return bool(scales.min() >= 1 / MAX_STRETCH and scales.max() <= MAX_STRETCH)
