"""What every reader returns, and the one error that every reader raises."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Spacing = tuple[float, float]

MAX_PIXELS = 100_000_000
"""Largest image that is read, in pixels: five times the largest radiographic detector."""


class UnreadableImage(ValueError):  # noqa: N818 - named for what is wrong, not for its kind
    """A file that is no readable image; prints as one line ``<path>: <reason>``.

    Attributes:
        path: The file.
        reason: What is wrong with it, free of patient data.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Keep both arguments in ``args``, so that the error survives pickling by a worker."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Film:
    """One radiograph as a person would look at it: upright, air dark, bone bright.

    Attributes:
        pixels: float32 (1, H, W) in [0, 1]; rows run from top to bottom.
        spacing_mm: Distance between rows and between columns, in mm, or None when unknown.
        view: PA, AP, lateral or empty.
        steps: What the reader did, in order, for the manifest's column ``reading``.
        patient: The raw DICOM PatientID, for hashing only.
    """

    pixels: NDArray[np.float32]
    spacing_mm: Spacing | None = None
    view: str = ""
    steps: tuple[str, ...] = ()
    patient: str | None = field(default=None, repr=False)


def check_size(path: Path, *, height: int, width: int) -> None:
    """Refuse an image before it is decoded if it is empty or absurdly large.

    Raises:
        UnreadableImage: If the image has no pixel or more than ``MAX_PIXELS``.
    """
    if height < 1 or width < 1:
        raise UnreadableImage(path, f"image of {height} x {width} pixels")
    if height * width > MAX_PIXELS:
        raise UnreadableImage(
            path, f"image of {height} x {width} pixels; at most {MAX_PIXELS:,} are read"
        )


def usable_spacing(row: float, column: float) -> Spacing | None:
    """Return (row, column) in mm, or None unless both are finite and positive."""
    if np.isfinite(row) and np.isfinite(column) and row > 0 and column > 0:
        return float(row), float(column)
    return None
