"""Fingerprints of images: what stays when one is re-encoded, resized, relit or lightly cropped.

A fingerprint has two parts, both blind to brightness and contrast because they are made of grey
ranks. The *outline* is coarse (16 x 16, of several crops) and cheap to compare between all images
of two collections: any two chests look alike in it, copies look the same. The *detail* keeps ribs
and vessels (64 x 64, band-pass filtered, contrast made even), which only copies share.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from isnet_cxr.data.learning.preprocess import resize
from isnet_cxr.data.readers import read_image

OUTLINE_PX = 16
DETAIL_PX = 64
LEVELS_PX = (48, 96)
FINEST_PX = 192

CROPS = (
    (0.0, 0.0, 0.0, 0.0),
    (0.05, 0.05, 0.05, 0.05),
    (0.1, 0.1, 0.1, 0.1),
    (0.1, 0.0, 0.0, 0.0),
    (0.0, 0.1, 0.0, 0.0),
    (0.0, 0.0, 0.1, 0.1),
)
"""Shares cut off at the top, bottom, left and right for the outlines."""

ZOOMS = (1.0, 0.92, 0.84)
"""Central shares of rows and columns for the details."""

UNIFORM_DEVIATION = 0.015
MAX_TRIM = 0.25

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Fingerprint:
    """One image's fingerprint.

    Attributes:
        outlines: Unit vectors of zero mean, one per crop, (len(CROPS), 16 * 16).
        details: Spectra of unit-norm details, one per zoom, (len(ZOOMS), 64, 33) complex.
        levels: Details without uniform borders, from rough to fine, (S, S) each, for registration.
        finest: The finest of them, (192, 192), for the last word.
    """

    outlines: NDArray[np.float32]
    details: NDArray[np.complex64]
    levels: tuple[Plane, ...]
    finest: NDArray[np.float16]


def fingerprint_file(path: Path) -> Fingerprint:
    """Read an image and fingerprint it.

    Raises:
        UnreadableImage: If it cannot be read.
    """
    return fingerprint(read_image(path).pixels[0])


def fingerprint(image: Plane) -> Fingerprint:
    """Fingerprint an image (H, W)."""
    content = trim_uniform_borders(image)
    outlines = [_outline(_crop(content, crop)) for crop in CROPS]
    details = [_spectrum(_crop(content, ((1 - zoom) / 2,) * 4)) for zoom in ZOOMS]
    levels = tuple(_level(content, size_px) for size_px in LEVELS_PX)
    finest = _level(content, FINEST_PX).astype(np.float16)
    return Fingerprint(np.stack(outlines), np.stack(details), levels, finest)


def trim_uniform_borders(image: Plane) -> Plane:
    """Cut off rows and columns at the edges that hold one grey, at most a quarter on each side."""
    window = []
    for axis in (1, 0):
        deviation = image.std(axis=axis)
        length = len(deviation)
        busy = np.flatnonzero(deviation > UNIFORM_DEVIATION)
        most = int(length * MAX_TRIM)
        first, last = (busy[0], busy[-1] + 1) if busy.size else (0, length)
        window.append(slice(min(first, most), max(last, length - most)))
    return image[window[0], window[1]]


def grey_ranks(plane: Plane) -> Plane:
    """Replace each grey value by its rank, in [0, 1]; equal values have equal ranks."""
    _, level, counts = np.unique(plane, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - counts / 2) / plane.size
    return np.asarray(rank[level].reshape(plane.shape), dtype=np.float32)


def even_detail(plane: Plane, *, fine_px: float, coarse_px: float) -> Plane:
    """Keep what is between two sizes, and make its contrast the same everywhere.

    Args:
        plane: (H, W).
        fine_px: Standard deviation of the blur that removes noise.
        coarse_px: Standard deviation of the blur whose result is taken away.
    """
    band = gaussian_filter(plane, fine_px) - gaussian_filter(plane, coarse_px)
    contrast = np.sqrt(gaussian_filter(band * band, 1.5 * coarse_px))
    return np.asarray(band / (contrast + 0.02), dtype=np.float32)


def _level(content: Plane, size_px: int) -> Plane:
    ranks = grey_ranks(resize(content, height=size_px, width=size_px))
    return even_detail(ranks, fine_px=1.0, coarse_px=3.5)


def _crop(plane: Plane, shares: tuple[float, ...]) -> Plane:
    height, width = plane.shape
    top, bottom, left, right = shares
    rows = slice(int(height * top), max(int(height * top) + 1, height - int(height * bottom)))
    columns = slice(int(width * left), max(int(width * left) + 1, width - int(width * right)))
    return plane[rows, columns]


def _outline(plane: Plane) -> Plane:
    ranks = grey_ranks(resize(plane, height=OUTLINE_PX, width=OUTLINE_PX)).ravel()
    return _unit(ranks - ranks.mean())


def _spectrum(plane: Plane) -> NDArray[np.complex64]:
    ranks = grey_ranks(resize(plane, height=DETAIL_PX, width=DETAIL_PX))
    detail = even_detail(ranks, fine_px=0.7, coarse_px=2.7) * _TAPER
    return np.asarray(np.fft.rfft2(_unit(detail - detail.mean())), dtype=np.complex64)


def _unit(values: Plane) -> Plane:
    norm = float(np.linalg.norm(values))
    return np.asarray(values / norm if norm > 0 else values, dtype=np.float32)


_EDGE = np.hanning(DETAIL_PX + 2)[1:-1] ** 0.25
_TAPER = np.outer(_EDGE, _EDGE).astype(np.float32)
