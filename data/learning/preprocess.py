"""From an image of any size to the square a network sees, and back.

Shrinking averages over areas (no aliasing), the aspect ratio is kept, and what is missing to a
square is padded with black, centred. Values are multiples of 1/255, so that pixels from the cache
(8 bits) and live ones agree exactly.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require

Exposure = Literal["none", "centre", "equalise"]

CENTRAL_SHARE = 0.7
CENTRAL_PERCENTILES = (1.0, 99.0)
EQUALISE_BINS = 256
WHITE = 255
IMAGE_AXES = 3


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every image before a network sees it.

    Attributes:
        size_px: Height and width of the square, in pixels.
        exposure: How grey values are made comparable between hospitals. ``none`` keeps them.
            ``centre`` maps the 1st to 99th percentiles of the central 70 % of rows and columns to
            0..1, so that borders, collimation and markers cannot move the grey of the lungs.
            ``equalise`` makes all grey values of that area equally frequent.
    """

    size_px: int = 128
    exposure: Exposure = "centre"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: If a setting is out of its range; names the key.
        """
        require("size_px", self.size_px, at_least=1)
        if self.exposure not in get_args(Exposure):
            raise InputError(
                f"exposure must be one of {', '.join(get_args(Exposure))}, got {self.exposure!r}"
            )


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies in its square: ``height`` x ``width`` pixels from (``top``, ``left``)."""

    top: int
    left: int
    height: int
    width: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the square that the image fills."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)


def fit_letterbox(*, height: int, width: int, size_px: int) -> Letterbox:
    """Place an image of ``height`` x ``width`` pixels centred in a square, as large as it fits."""
    scale = size_px / max(height, width)
    inner_height = max(1, round(height * scale))
    inner_width = max(1, round(width * scale))
    return Letterbox(
        top=(size_px - inner_height) // 2,
        left=(size_px - inner_width) // 2,
        height=inner_height,
        width=inner_width,
    )


def prepare_image(pixels: NDArray[np.float32], settings: Preprocessing) -> NDArray[np.float32]:
    """Shrink an image into a square and make its exposure comparable.

    Args:
        pixels: (1, H, W) in [0, 1].
        settings: Size and exposure.

    Returns:
        float32 (1, S, S), multiples of 1/255 in [0, 1], padded with 0.

    Raises:
        InputError: If ``pixels`` is not (1, H, W).
    """
    if pixels.ndim != IMAGE_AXES or pixels.shape[0] != 1:
        raise InputError(f"pixels must be (1, H, W), got {tuple(pixels.shape)}")
    height, width = pixels.shape[1:]
    box = fit_letterbox(height=height, width=width, size_px=settings.size_px)
    image = resize(pixels[0], height=box.height, width=box.width)
    square = np.zeros((settings.size_px, settings.size_px), dtype=np.uint8)
    square[box.window] = to_bytes(expose(image, settings.exposure))
    return from_bytes(square)[np.newaxis]


def prepare_mask(mask: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Shrink a mask (H, W) into the square (S, S) of its image: 1 where half is covered."""
    height, width = mask.shape
    box = fit_letterbox(height=height, width=width, size_px=size_px)
    covered = resize(mask != 0, height=box.height, width=box.width)
    square = np.zeros((size_px, size_px), dtype=np.uint8)
    square[box.window] = covered >= 0.5  # noqa: PLR2004 - half of the pixel
    return square


def restore_map(
    square: NDArray[np.generic], *, height: int, width: int, nearest: bool
) -> NDArray[np.float32]:
    """Undo the letterbox: bring a mask or heatmap back to the size of its image.

    Args:
        square: (S, S), of any numeric type.
        height: Height of the image, in pixels.
        width: Width of the image, in pixels.
        nearest: True keeps the values as they are (labels), False interpolates.

    Returns:
        float32 (H, W), read-only.
    """
    box = fit_letterbox(height=height, width=width, size_px=square.shape[0])
    content = Image.fromarray(np.ascontiguousarray(square[box.window], dtype=np.float32))
    method = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.asarray(content.resize((width, height), method), dtype=np.float32)


def enlarge_part(
    plane: NDArray[np.float32],
    part: tuple[float, float, float, float],
    *,
    height: int,
    width: int,
) -> NDArray[np.float32]:
    """Interpolate a part of (H, W), as if all of it had been and the part cut out.

    Args:
        plane: Values.
        part: Left, top, right and bottom, in pixels of ``plane``, from its upper left corner.
        height: Of the part afterwards.
        width: Of the part afterwards.

    Returns:
        float32 (height, width), read-only.
    """
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=part))


def resize(
    plane: NDArray[np.float32] | NDArray[np.bool_], *, height: int, width: int
) -> NDArray[np.float32]:
    """Resize (H, W) with an area filter (Hamming): no aliasing, no overshoot; True is 1."""
    if plane.dtype == np.bool_:
        image = Image.fromarray(np.ascontiguousarray(plane).view(np.uint8)).convert("F")
    else:
        image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.array(image.resize((width, height), Image.Resampling.HAMMING), dtype=np.float32)


def shrink(plane: NDArray[np.float32] | NDArray[np.bool_], longest_px: int) -> NDArray[np.float32]:
    """Bring the longest side of (H, W) to ``longest_px``, the aspect kept."""
    step = longest_px / max(plane.shape)
    height, width = (max(1, round(step * side)) for side in plane.shape)
    return resize(plane, height=height, width=width)


def expose(image: NDArray[np.float32], exposure: Exposure) -> NDArray[np.float32]:
    """Make the exposure of an image (H, W) comparable; see ``Preprocessing``."""
    if exposure == "none":
        return np.clip(image, 0.0, 1.0)
    centre = central_area(image)
    if exposure == "equalise":
        return _equalise(image, centre)
    low, high = np.percentile(centre, CENTRAL_PERCENTILES)
    if not high > low:
        return np.clip(image, 0.0, 1.0)
    unit = (image - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(unit, 0.0, 1.0), dtype=np.float32)


def central_area(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the central 70 % of rows and columns of (H, W), as a view."""
    height, width = image.shape
    top = int(height * (1 - CENTRAL_SHARE) / 2)
    left = int(width * (1 - CENTRAL_SHARE) / 2)
    return image[top : height - top, left : width - left]


def _equalise(image: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    counts, edges = np.histogram(centre, bins=EQUALISE_BINS, range=(0.0, 1.0))
    share_below = np.concatenate([[0.0], np.cumsum(counts) / centre.size])
    return np.asarray(np.interp(image, edges, share_below), dtype=np.float32)


def to_bytes(unit: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round values in [0, 1] to whole 1/255."""
    return np.asarray(np.round(np.clip(unit, 0.0, 1.0) * np.float32(WHITE)), dtype=np.uint8)


def from_bytes(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undo ``to_bytes``: the one division by which cached and live pixels agree."""
    return np.asarray(stored.astype(np.float32) / np.float32(WHITE))
