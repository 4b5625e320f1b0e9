"""The same image twice: within a collection, or in two that must not share any.

Public collections copy from each other: an image comes back re-encoded, resized, cropped, relit,
with a letter burnt in. A development set that holds one copy and a test set that holds the other is
a leak.

Every pair of images is compared in four steps, each on the few that the step before leaves over:
outlines (all pairs, one matrix product), details under small shifts and zooms (Fourier), details
after registration at 96 px, and at 192 px. ``distance`` is 1 minus the correlation at 96 px.
Measured on the 675 and 595 images of ``covid_cxnet`` and ``cohen``, looked at one by one near the
limit: copies have at most 0.15, follow-up images of one patient 0.20 and more, different patients
0.27 and more. Generated chests of different patients come as near as 0.10, for they share more of
their anatomy than people do. At 192 px the 189 copies have at most 0.26, images of different
people 0.29 and more, generated or real.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.copies.fingerprints import (
    CROPS,
    DETAIL_PX,
    ZOOMS,
    Fingerprint,
    fingerprint_file,
)
from isnet_cxr.data.copies.registration import Placement, correlate, register
from isnet_cxr.data.parallel import map_items

COLUMNS = ("image_id_a", "image_id_b", "path_a", "path_b", "kind", "distance")
SAME_PIXELS, COPY = "same pixels", "copy"

ZOOM_PAIRS = ((0, 0), (0, 1), (1, 0), (0, 2), (2, 0))
MAX_SHIFT_PX = 10
PAIRS_AT_ONCE = 512
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class DuplicateSettings:
    """How alike two images must be in each step.

    Attributes:
        min_outline: Least correlation of the outlines.
        min_detail: Least correlation of the details before registration.
        max_distance: Largest distance after registration that still is a copy.
        max_fine_distance: Largest distance of the finest details, laid alike.
    """

    min_outline: float = 0.92
    min_detail: float = 0.5
    max_distance: float = 0.175
    max_fine_distance: float = 0.275


@dataclass(frozen=True)
class _Candidates:
    """Pairs of rows (K, 2), their correlation (K,) and where the second lies on the first."""

    pairs: NDArray[np.int64]
    correlation: NDArray[np.float64]
    placement: Placement


def find_duplicates(
    a: pd.DataFrame,
    b: pd.DataFrame | None = None,
    *,
    settings: DuplicateSettings | None = None,
    workers: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """List the pairs of images that are copies of each other.

    Args:
        a: Manifest.
        b: Another manifest to compare with; None compares ``a`` with itself.
        settings: How alike copies are.
        workers: Number of processes that read.
        progress: Show a bar while reading.

    Returns:
        One row per pair: ``image_id_a, image_id_b, path_a, path_b, kind, distance``, closest first.
        ``kind`` is "same pixels" (distance 0) or "copy".

    Raises:
        UnreadableImage: If an image cannot be read.
    """
    of_a = _fingerprints(a, workers=workers, progress=progress)
    of_b = None if b is None else _fingerprints(b, workers=workers, progress=progress)
    return match_images(a, of_a, b, of_b, settings=settings)


def match_images(
    a: pd.DataFrame,
    of_a: list[Fingerprint],
    b: pd.DataFrame | None = None,
    of_b: list[Fingerprint] | None = None,
    *,
    settings: DuplicateSettings | None = None,
) -> pd.DataFrame:
    """Do what ``find_duplicates`` does, for images that have been read: one fingerprint per row."""
    chosen = settings or DuplicateSettings()
    other, of_other = (a, of_a) if b is None or of_b is None else (b, of_b)
    same, alike = _candidates(a, of_a, other, of_other, chosen)
    if b is None:
        same, alike = (pairs[pairs[:, 0] < pairs[:, 1]] for pairs in (same, alike))
    rows = [(int(i), int(j), SAME_PIXELS, 0.0) for i, j in same]
    rows += _verify(_compare_details(of_a, of_other, alike), of_a, of_other, chosen)
    return _table(rows, a, other)


def _fingerprints(manifest: pd.DataFrame, *, workers: int, progress: bool) -> list[Fingerprint]:
    paths = [Path(path) for path in manifest["path"]]
    return list(
        map_items(
            fingerprint_file, paths, workers=workers, title="Fingerprinting", progress=progress
        )
    )


def _candidates(
    a: pd.DataFrame,
    of_a: list[Fingerprint],
    b: pd.DataFrame,
    of_b: list[Fingerprint],
    settings: DuplicateSettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows (K, 2) with the same pixels, and those with alike outlines.

    Rows are compared in blocks: all pairs at once would not fit in memory for large collections.
    """
    images, _ = pd.factorize(pd.concat([a["image_id"], b["image_id"]]))
    image_a, image_b = images[: len(a)], images[len(a) :]
    same, alike = [np.empty((0, 2), np.int64)], [np.empty((0, 2), np.int64)]
    for start in range(0, len(a), ROWS_AT_ONCE):
        block, offset = slice(start, start + ROWS_AT_ONCE), np.array([[start, 0]])
        equal = image_a[block, np.newaxis] == image_b[np.newaxis, :]
        outlines = _compare_outlines(of_a[block], of_b) >= settings.min_outline
        same.append(np.argwhere(equal) + offset)
        alike.append(np.argwhere(outlines & ~equal) + offset)
    return np.concatenate(same), np.concatenate(alike)


def _compare_outlines(a: list[Fingerprint], b: list[Fingerprint]) -> NDArray[np.float32]:
    """Return the best correlation of any crop of one with any crop of the other, (Na, Nb)."""
    best = np.full((len(a), len(b)), -1.0, dtype=np.float32)
    if not a or not b:
        return best
    of_a, of_b = (np.stack([one.outlines for one in images], axis=1) for images in (a, b))
    for i in range(len(CROPS)):
        for j in range(len(CROPS)):
            np.maximum(best, of_a[i] @ of_b[j].T, out=best)
    return best


def _compare_details(
    a: list[Fingerprint], b: list[Fingerprint], pairs: NDArray[np.int64]
) -> _Candidates:
    """Find the best shift and zoom of every pair, by correlation in the Fourier domain."""
    best = _Candidates(pairs, np.full(len(pairs), -1.0), np.zeros((len(pairs), 4)))
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        chunk = slice(start, start + PAIRS_AT_ONCE)
        for zoom_a, zoom_b in ZOOM_PAIRS:
            of_a = np.stack([a[i].details[zoom_a] for i in pairs[chunk, 0]])
            of_b = np.stack([b[j].details[zoom_b] for j in pairs[chunk, 1]])
            peak, shift = _peak(of_a, of_b)
            better = peak > best.correlation[chunk]
            scale = np.full((len(peak), 2), ZOOMS[zoom_b] / ZOOMS[zoom_a])
            placement = np.concatenate([scale, shift * ZOOMS[zoom_b]], axis=1)
            best.correlation[chunk][better] = peak[better]
            best.placement[chunk][better] = placement[better]
    return best


def _peak(
    a: NDArray[np.complex64], b: NDArray[np.complex64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest correlation (K,) and its shift (K, 2), in half widths."""
    correlation = np.fft.irfft2(np.conj(a) * b, s=(DETAIL_PX, DETAIL_PX))
    width = 2 * MAX_SHIFT_PX + 1
    near = np.roll(correlation, (MAX_SHIFT_PX, MAX_SHIFT_PX), axis=(1, 2))[:, :width, :width]
    flat = near.reshape(len(near), -1)
    row, column = np.divmod(flat.argmax(axis=1), width)
    shift = np.stack([row, column], axis=1) - MAX_SHIFT_PX
    return flat.max(axis=1), shift / (DETAIL_PX / 2)


def _verify(
    candidates: _Candidates,
    a: list[Fingerprint],
    b: list[Fingerprint],
    settings: DuplicateSettings,
) -> list[tuple[int, int, str, float]]:
    copies = []
    for k in np.flatnonzero(candidates.correlation >= settings.min_detail):
        i, j = candidates.pairs[k]
        correlation, placement = register(a[i].levels, b[j].levels, candidates.placement[k])
        if 1.0 - correlation > settings.max_distance:
            continue
        first, second = (one.finest.astype(np.float32) for one in (a[i], b[j]))
        if 1.0 - correlate(first, second, placement) <= settings.max_fine_distance:
            copies.append((int(i), int(j), COPY, max(0.0, 1.0 - correlation)))
    return copies


def _table(
    rows: list[tuple[int, int, str, float]], a: pd.DataFrame, b: pd.DataFrame
) -> pd.DataFrame:
    first, second = [row[0] for row in rows], [row[1] for row in rows]
    table = pd.DataFrame(
        {
            "image_id_a": a["image_id"].iloc[first].to_numpy(),
            "image_id_b": b["image_id"].iloc[second].to_numpy(),
            "path_a": a["path"].iloc[first].to_numpy(),
            "path_b": b["path"].iloc[second].to_numpy(),
            "kind": [row[2] for row in rows],
            "distance": np.array([row[3] for row in rows], dtype=np.float64),
        },
        columns=list(COLUMNS),
    )
    return table.sort_values("distance", kind="stable").reset_index(drop=True)
