"""What a hospital leaves on an image outside the lungs: lead markers, labels, borders and pads.

None of it may touch the lungs: borders are added around the image, marks and pads skip lung pixels.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from isnet_cxr.data.phantoms.pads import Grey, Mask, Pad, add_pad

Corner = Literal["top left", "top right", "bottom left", "bottom right"]
Style = Literal["lead", "label", "disc"]


@dataclass(frozen=True)
class Mark:
    """Letters on an image.

    Attributes:
        text: What they say.
        corner: Where they stand, as the viewer sees it.
        height_mm: Height of the letters.
        style: ``lead`` letters lay on the detector and are white and a little blurred; a ``label``
            is printed white on black; a ``disc`` is a white plate with cut-out letters.
    """

    text: str
    corner: Corner
    height_mm: float
    style: Style = "lead"


@dataclass(frozen=True)
class Border:
    """A frame around an image.

    Attributes:
        width_mm: Smallest and largest width, drawn for every side of every image.
        grey: 0 for black, 1 for white.
        soft_mm: Blur of its inner edge; collimator blades throw soft shadows, paper does not.
        sides: Which edges have it.
    """

    width_mm: tuple[float, float]
    grey: float
    soft_mm: float = 0.0
    sides: tuple[Literal["top", "bottom", "left", "right"], ...] = (
        "top",
        "bottom",
        "left",
        "right",
    )


@dataclass(frozen=True)
class Look:
    """Everything on an image by which its hospital can be told without looking at the person."""

    marks: tuple[Mark, ...] = ()
    border: Border | None = None
    pads: tuple[Pad, ...] = ()


def dress_image(
    image: Grey, mask: Mask, look: Look, *, spacing_mm: float, rng: np.random.Generator
) -> tuple[Grey, Mask]:
    """Add pads, border and marks.

    Args:
        image: Grey values in [0, 1], (H, W).
        mask: True in the lungs, (H, W).
        look: What to add.
        spacing_mm: Side of a pixel.
        rng: Draws widths, positions and opacities.

    Returns:
        Image and mask, as much larger as the border is wide; lung pixels as they were.
    """
    for pad in look.pads:
        image = add_pad(image, mask, pad, spacing_mm=spacing_mm, rng=rng)
    if look.border is not None:
        image, mask = _add_border(image, mask, look.border, spacing_mm=spacing_mm, rng=rng)
    for mark in look.marks:
        image = _add_mark(image, mask, mark, spacing_mm=spacing_mm, rng=rng)
    return image, mask


def _add_border(
    image: Grey, mask: Mask, border: Border, *, spacing_mm: float, rng: np.random.Generator
) -> tuple[Grey, Mask]:
    widths = {side: rng.uniform(*border.width_mm) / spacing_mm for side in border.sides}
    top, bottom, left, right = (
        round(widths.get(side, 0)) for side in ("top", "bottom", "left", "right")
    )
    around = ((top, bottom), (left, right))
    framed = np.pad(image, around, constant_values=border.grey)
    inside = np.pad(mask, around)
    if border.soft_mm:
        blurred = gaussian_filter(framed, border.soft_mm / spacing_mm, truncate=3)
        framed = np.where(
            _near_edge(image.shape, around, 3 * border.soft_mm / spacing_mm), blurred, framed
        )
    return np.where(inside, np.pad(image, around), framed).astype(np.float32), inside


def _near_edge(
    shape: tuple[int, ...], around: tuple[tuple[int, int], tuple[int, int]], reach_px: float
) -> Mask:
    """True where a padded image is within ``reach_px`` of a padded edge, (H, W)."""
    rows, columns = (
        np.minimum(
            np.abs(np.arange(n + low + high) - low) if low else np.full(n + high, np.inf),
            np.abs(np.arange(n + low + high) - low - n) if high else np.inf,
        )
        for n, (low, high) in zip(shape, around, strict=True)
    )
    return (rows[:, None] < reach_px) | (columns[None, :] < reach_px)


def _add_mark(
    image: Grey, mask: Mask, mark: Mark, *, spacing_mm: float, rng: np.random.Generator
) -> Grey:
    plate, ink = _plate(mark, max(6, round(mark.height_mm / spacing_mm)))
    height, width = ink.shape
    down, across = (round(rng.uniform(6, 14) / spacing_mm) for _ in range(2))
    row = down if mark.corner.startswith("top") else image.shape[0] - down - height
    column = across if mark.corner.endswith("left") else image.shape[1] - across - width
    window = (slice(max(row, 0), row + height), slice(max(column, 0), column + width))
    under = image[window]
    rows, columns = under.shape
    strength = np.where(mask[window], 0, plate[:rows, :columns])
    marked = image.copy()
    marked[window] = under * (1 - strength) + strength * ink[:rows, :columns]
    return marked


@lru_cache(maxsize=256)
def _plate(mark: Mark, height_px: int) -> tuple[Grey, Grey]:
    """Draw a mark: how opaque each of its pixels is, and its grey value, (H, W) each."""
    font = ImageFont.load_default(size=4 * height_px)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(mark.text))
    margin = 2 * height_px if mark.style == "disc" else height_px
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    canvas = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(canvas)
    pen.text((margin - left, margin - top), mark.text, fill=255, font=font)
    letters = _shrink(canvas)
    if mark.style == "lead":
        soft = gaussian_filter(letters, 0.5)
        return np.clip(1.1 * soft, 0, 1), np.full_like(letters, 0.97)
    if mark.style == "label":
        return np.ones_like(letters), letters
    disc = Image.new("L", (width, height), 0)
    ImageDraw.Draw(disc).ellipse((0, 0, width - 1, height - 1), fill=255)
    return _shrink(disc), 0.95 * (1 - letters)


def _shrink(canvas: Image.Image) -> Grey:
    """Four times smaller, smoothed, in [0, 1], (H, W)."""
    size = (max(1, canvas.width // 4), max(1, canvas.height // 4))
    smooth = canvas.resize(size, Image.Resampling.BOX)
    return np.asarray(smooth, dtype=np.float32) / np.float32(255)
