"""The picture of a result: image and heatmap, lungs outlined, and a band that says what it shows.

The band stands below the picture and covers nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
OUTLINE = (255, 214, 10)
INK, PAPER = (235, 235, 235), (0, 0, 0)
WARNING_INK = (255, 214, 10)
TEXT_SHARE, SMALLEST_TEXT_PX = 48, 12
"""Height of letters: a part of the picture's longer side, but never too small to read."""
LINE_SPACING = 1.4
NARROWEST_PX = 480
SCALE_WIDTH = 0.5
"""Of the colour scale, as a part of the picture's width."""


@dataclass(frozen=True)
class Caption:
    """What stands in the band.

    Attributes:
        warning: Its first line, in the colour of the outline.
        lines: What follows.
        scale: Colours from the lowest to the highest value, RGB (N, 3); the middle one is for 0.
        ends: What stands at the ends of the scale.
    """

    warning: str
    lines: Sequence[str]
    scale: NDArray[np.uint8]
    ends: tuple[str, str]


def outlined(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the outline of a mask (H, W) on a picture, RGB (H, W, 3): its own outermost pixels."""
    inside = mask != 0
    framed = np.pad(inside, 1)
    kept = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    drawn = picture.copy()
    drawn[inside & ~kept] = OUTLINE
    return drawn


def captioned(picture: NDArray[np.uint8], caption: Caption) -> NDArray[np.uint8]:
    """Set a band below a picture.

    Args:
        picture: RGB (H, W, 3).
        caption: What it says.

    Returns:
        RGB (H + band, W, 3), whose first H rows are the picture; black is added at the right of a
        picture that is too narrow to write below it.
    """
    right = max(0, NARROWEST_PX - picture.shape[1])
    picture = np.pad(picture, ((0, 0), (0, right), (0, 0)))
    height, width = picture.shape[:2]
    size = max(SMALLEST_TEXT_PX, max(height, width) // TEXT_SHARE)
    font = ImageFont.load_default(size=size)
    texts = [(line, WARNING_INK) for line in _wrapped(caption.warning, font, width - size)]
    for line in caption.lines:
        texts += [(part, INK) for part in _wrapped(line, font, width - size)]
    step = round(size * LINE_SPACING)
    band = Image.new("RGB", (width, step * (len(texts) + 3)), PAPER)
    drawing = ImageDraw.Draw(band)
    for number, (text, ink) in enumerate(texts):
        drawing.text((size // 2, step * number + step // 4), text, fill=ink, font=font)
    _draw_scale(band, caption, font, at=(size // 2, step * len(texts) + step // 2), size=size)
    return np.concatenate([picture, np.asarray(band)])


def _draw_scale(
    band: Image.Image, caption: Caption, font: Font, *, at: tuple[int, int], size: int
) -> None:
    left, top = at
    width = max(2, round(band.width * SCALE_WIDTH))
    band.paste(Image.fromarray(caption.scale[np.newaxis]).resize((width, size)), at)
    drawing = ImageDraw.Draw(band)
    below = top + size + size // 4
    first, last = caption.ends
    for text, place in ((first, 0.0), ("0", 0.5), (last, 1.0)):
        across = left + place * (width - font.getlength(text))
        drawing.text((across, below), text, fill=INK, font=font)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels; a longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
