"""How alike two films are once one is laid on the other: shifted and scaled per axis."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

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


def _sample(
    images: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate images (K, S, S) linearly at points (P,) in [-1, 1]; return (K, P)."""
    size = images.shape[-1]
    row, column = (rows + 1) * (size - 1) / 2, (columns + 1) * (size - 1) / 2
    top = np.minimum(row.astype(np.intp), size - 2)
    left = np.minimum(column.astype(np.intp), size - 2)
    down, across = (row - top).astype(np.float32), (column - left).astype(np.float32)
    flat, corner = images.reshape(len(images), -1), top * size + left
    upper = flat[:, corner] * (1 - across) + flat[:, corner + 1] * across
    lower = flat[:, corner + size] * (1 - across) + flat[:, corner + size + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, dtype=np.float32)


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
    half = np.float32((size - 1) / 2)
    source_and_slopes = np.stack([source, *(half * slope for slope in np.gradient(source))])
    for _ in range(ITERATIONS):
        moved_rows, moved_columns, inside = _place(placement, size)
        if inside.mean() < MIN_OVERLAP:
            break
        moved, down, across = _sample(source_and_slopes, moved_rows[inside], moved_columns[inside])
        error = target.ravel()[inside] - moved
        jacobian = np.stack([down * rows[inside], across * columns[inside], down, across])
        normal = jacobian @ jacobian.T + 1e-3 * np.eye(4) * len(error)
        step = np.linalg.solve(normal, jacobian @ error)
        placement = placement + step
        if np.abs(step).max() < 1e-3:  # noqa: PLR2004 - a twentieth of a pixel
            break
    return placement


def _correlation(target: Plane, source: Plane, placement: Placement) -> float:
    moved_rows, moved_columns, inside = _place(placement, target.shape[0])
    if inside.mean() < MIN_OVERLAP or not _is_plausible(placement):
        return -1.0
    first = target.ravel()[inside]
    (second,) = _sample(source[np.newaxis], moved_rows[inside], moved_columns[inside])
    if first.std() == 0 or second.std() == 0:
        return -1.0
    return float(np.corrcoef(first, second)[0, 1])


def _is_plausible(placement: Placement) -> bool:
    """Claim that neither axis is stretched, shrunk or mirrored beyond what cropping explains."""
    scales = placement[:2]
    return bool(scales.min() >= 1 / MAX_STRETCH and scales.max() <= MAX_STRETCH)
