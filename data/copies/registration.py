"""How alike two images are once one is laid on the other: shifted and scaled per axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.copies.fingerprints import Plane

ITERATIONS = 10
HOPELESS = 0.7
"""Correlation of the rough structure below which the fine one is not looked at."""
UNPROMISING = 0.65
"""Correlation of the fine structure, laid as the rough one, below which it is not laid better.

Of 221 copies in four collections none gained more than 0.065 by it, and all started above 0.75.
"""

MIN_OVERLAP = 0.5
MAX_STRETCH = 1.8

Placement = NDArray[np.float64]
"""(row scale, column scale, row shift, column shift), in half widths from the centre."""


def register(
    fixed: Sequence[Plane], moving: Sequence[Plane], start: Placement
) -> tuple[float, Placement]:
    """Lay ``moving`` on ``fixed`` by Gauss-Newton steps on their details, from rough to fine.

    Args:
        fixed: Details of one image, (S, S) each, as ``Fingerprint.levels``.
        moving: Details of the other image, of the same sizes.
        start: Where a point of ``fixed`` is in ``moving``, roughly.

    Returns:
        Correlation of the finest details in the overlap, -1 where less than half of ``fixed`` is
        covered, and the placement found.
    """
    placement, correlation = start.copy(), -1.0
    for target, source in zip(fixed, moving, strict=True):
        if correlation >= HOPELESS:  # the rough structure is laid already
            correlation = correlate(target, source, placement)
            if correlation < UNPROMISING:
                break
        placement = _descend(target, source, placement)
        correlation = correlate(target, source, placement)
        if correlation < HOPELESS:
            break
    return correlation, placement


@cache
def _line(size: int) -> NDArray[np.float64]:
    """Return the place of every row, or column, in [-1, 1] from the centre, (S,)."""
    line: NDArray[np.float64] = np.linspace(-1.0, 1.0, size)
    return line


@dataclass(frozen=True)
class _Overlap:
    """The part of the fixed image that the moving one covers, a rectangle since nothing is turned.

    Attributes:
        rows: Its rows, and ``columns`` its columns.
        at_rows: Where these rows are in the moving image, (R,), and ``at_columns`` (C,) likewise.
    """

    rows: slice
    columns: slice
    at_rows: NDArray[np.float64]
    at_columns: NDArray[np.float64]


def _overlap(placement: Placement, size: int) -> _Overlap | None:
    """Return the overlap, or None where it is less than ``MIN_OVERLAP`` of the fixed image."""
    line = _line(size)
    at_rows, at_columns = (placement[axis] * line + placement[axis + 2] for axis in (0, 1))
    rows, columns = _covered(at_rows), _covered(at_columns)
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / size**2
    if share < MIN_OVERLAP:
        return None
    return _Overlap(rows, columns, at_rows[rows], at_columns[columns])


def _covered(places: NDArray[np.float64]) -> slice:
    """Return the run of places within [-1, 1]; they ascend or descend evenly."""
    inside = np.flatnonzero(np.abs(places) <= 1)
    return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)


def _sample(images: NDArray[np.float32], overlap: _Overlap) -> NDArray[np.float32]:
    """Interpolate images (K, S, S) linearly, rows first and then columns; return (K, R, C)."""
    size = images.shape[-1]
    top, down = _corners(overlap.at_rows, size)
    left, across = _corners(overlap.at_columns, size)
    bands = images[:, top]
    bands += (images[:, top + 1] - bands) * down[:, np.newaxis]
    values = bands[:, :, left]
    values += (bands[:, :, left + 1] - values) * across
    return values


def _corners(
    places: NDArray[np.float64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the pixel before each place in [-1, 1], and how far the place is beyond it, 0 to 1."""
    pixels = (places + 1) * (size - 1) / 2
    before = np.minimum(pixels.astype(np.intp), size - 2)
    return before, (pixels - before).astype(np.float32)


def _descend(target: Plane, source: Plane, placement: Placement) -> Placement:
    size = target.shape[0]
    line = _line(size).astype(np.float32)
    half = np.float32((size - 1) / 2)
    source_and_slopes = np.stack([source, *(half * slope for slope in np.gradient(source))])
    for _ in range(ITERATIONS):
        overlap = _overlap(placement, size)
        if overlap is None:
            break
        moved, down, across = _sample(source_and_slopes, overlap)
        error = (target[overlap.rows, overlap.columns] - moved).ravel()
        by_row, by_column = down * line[overlap.rows, np.newaxis], across * line[overlap.columns]
        jacobian = np.stack([by_row, by_column, down, across]).reshape(4, -1)
        normal = jacobian @ jacobian.T + 1e-3 * np.eye(4) * len(error)
        step = np.linalg.solve(normal, jacobian @ error)
        placement = placement + step
        if np.abs(step).max() < 1e-3:  # noqa: PLR2004 - a twentieth of a pixel
            break
    return placement


def correlate(target: Plane, source: Plane, placement: Placement) -> float:
    """Correlate two details (S, S), one laid on the other; -1 where they hardly overlap."""
    overlap = _overlap(placement, target.shape[0])
    if overlap is None or not _is_plausible(placement):
        return -1.0
    first = target[overlap.rows, overlap.columns].ravel()
    second = _sample(source[np.newaxis], overlap).ravel()
    if first.std() == 0 or second.std() == 0:
        return -1.0
    return float(np.corrcoef(first, second)[0, 1])


def _is_plausible(placement: Placement) -> bool:
    """Claim that neither axis is stretched, shrunk or mirrored beyond what cropping explains."""
    scales = placement[:2]
    return bool(scales.min() >= 1 / MAX_STRETCH and scales.max() <= MAX_STRETCH)
