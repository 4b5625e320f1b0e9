"""What every reader returns, the one error that every reader raises, and the limits of all."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers.header import Header
from isnet_cxr.data.readers.origin import Origin

Spacing = tuple[float, float]

MAX_PIXELS = 64_000_000
"""Largest image that is read, in pixels: three times the largest radiographic detector."""
LEAST_SPACING_MM, MOST_SPACING_MM = 1e-3, 1e2
"""A detector's element is some tenths of a millimetre; beyond these a header holds no spacing."""
SHAPE = len(("channel", "height", "width"))
MAX_FILE_BYTES = 2**29
"""Largest file that is opened: an image of ``MAX_PIXELS`` in 64 bits."""


class UnreadableImage(InputError):  # noqa: N818 - named for what is wrong, not for its kind
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
class Radiograph:
    """One radiograph as a person would look at it: upright, air dark, bone bright.

    Attributes:
        pixels: float32 (1, H, W) in [0, 1]; rows run from top to bottom.
        spacing_mm: Distance between rows and between columns, in mm, or None when unknown.
        view: PA, AP, lateral or empty.
        laterality: L or R when the file says that it shows one side of a pair, B both, or empty.
        steps: What the reader did and what it warns of, in order, for the manifest's column
            ``reading``; never a value that was read as text.
        header: What a DICOM header says of the kind of image; empty for other files.
        patient: The raw DICOM PatientID, for hashing only.
        origin: What an archive finds a DICOM image by; empty for other files. For what stays where
            the images are.
    """

    pixels: NDArray[np.float32]
    spacing_mm: Spacing | None = None
    view: str = ""
    laterality: str = ""
    steps: tuple[str, ...] = ()
    header: Header = field(default_factory=Header)
    patient: str | None = field(default=None, repr=False)
    origin: Origin = field(default_factory=Origin, repr=False)


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong while ``path`` is read into one ``UnreadableImage``.

    Libraries' warnings and errors quote what they stumble over, which may name a patient: the
    warnings are dropped, and of an error only its type is kept, without a chained cause.

    Args:
        path: The file.
        kind: What the error calls a file that is damaged.

    Raises:
        UnreadableImage: If the file is missing, larger than ``MAX_FILE_BYTES``, or the block
            raises any error.
    """
    failure = ""
    try:
        check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadableImage:
        raise
    except OSError as error:
        known = str(path) == error.filename  # and not what a decoder calls an OSError
        failure = f"cannot be opened ({type(error).__name__})" if known else _damaged(kind, error)
    except Exception as error:  # headers and decoders fail in any way: struct.error, MemoryError
        failure = _damaged(kind, error)
    if failure:
        raise UnreadableImage(path, failure)


def _damaged(kind: str, error: Exception) -> str:
    return f"damaged {kind} ({type(error).__name__})"


def checked(path: Path, image: Radiograph) -> Radiograph:
    """Return the image if it is what every reader promises.

    Raises:
        UnreadableImage: If the pixels are anything but float32 (1, H, W) in [0, 1].
    """
    pixels = image.pixels
    if pixels.ndim != SHAPE or pixels.shape[0] != 1 or pixels.dtype != np.float32:
        raise UnreadableImage(path, f"read as {pixels.dtype} {pixels.shape}, not as one grey image")
    check_size(path, height=pixels.shape[1], width=pixels.shape[2])
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # and not NaN, which is neither
        raise UnreadableImage(path, "grey values outside [0, 1]")
    return image


def check_file(path: Path) -> None:
    """Refuse a file before it is opened.

    Raises:
        UnreadableImage: If there is no such file, or it has more than ``MAX_FILE_BYTES``.
    """
    if not path.is_file():
        raise UnreadableImage(path, "no such file")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise UnreadableImage(path, f"file of {size:,} bytes; at most {MAX_FILE_BYTES:,} are read")


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
    """Return (row, column) in mm, or None unless both are numbers that an image can have."""
    if all(LEAST_SPACING_MM <= side <= MOST_SPACING_MM for side in (row, column)):
        return float(row), float(column)
    return None
