"""Raster images of more than 8 bits, which Pillow reads whole only where they are grey and plain.

Of colours in 16 bits it keeps the high bytes; told that the byte order is the other one, it gives
the low bytes, and both together are the value. Of 16-bit TIFF images whose 0 is white it ignores
that, or does not know them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin

from isnet_cxr.data.readers.greyscale import smallest_depth
from isnet_cxr.data.readers.radiograph import UnreadableImage

DEEP_GREY = ("I;16", "I;16B", "I;16L", "I")
OTHER_ORDER = {"16B": "16L", "16L": "16B", "16N": "16B"}
DEEP_GREY_ALPHA = "LA;16B"
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO, SIGNED = 0, 2
EIGHT_BITS = 8
LUMINANCE = np.array([0.299, 0.587, 0.114])
OPAQUE = 2**16 - 1
UNREAD = "colours of 16 bits in a form that is not read"

TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))


def read_deep_colours(path: Path, image: Image.Image) -> NDArray[np.int32] | None:
    """Return colours of 16 bits, (H, W, C) of grey or RGB and perhaps alpha, or None for others.

    Args:
        path: The file, which is opened twice more.
        image: The same, opened and not yet loaded.

    Raises:
        UnreadableImage: If Pillow cannot be told to read them.
    """
    raw = _raw_mode(image)
    if ";16" not in raw or image.mode in DEEP_GREY:
        return None
    if raw == DEEP_GREY_ALPHA:  # four bytes of a pixel: both of grey, both of alpha
        pairs = _load_as(path, image, "RGBA")
        return pairs[..., ::2] * 256 + pairs[..., 1::2]
    base, order = raw.split(";")
    if base.startswith("CMYK"):
        raise UnreadableImage(path, UNREAD)
    high, low = (_load_as(path, image, f"{base};{o}") for o in (order, OTHER_ORDER.get(order)))
    return high * 256 + low


def check_samples(path: Path, image: Image.Image, colours: NDArray[np.int32] | None) -> None:
    """Refuse TIFF images whose samples Pillow takes for others.

    Of planes of 16 bits it reads every other byte, and signed bytes it reads as unsigned ones.

    Args:
        path: The file.
        image: The same, opened; its mode is what Pillow makes of it.
        colours: As ``read_deep_colours`` returns them.

    Raises:
        UnreadableImage: If the image is such a one.
    """
    tags = getattr(image, "tag_v2", {})
    bits = max(tags.get(BITS, (1,)))
    if bits > EIGHT_BITS and colours is None and image.mode not in (*DEEP_GREY, "F"):
        raise UnreadableImage(path, UNREAD)
    if bits <= EIGHT_BITS and SIGNED in tags.get(SAMPLE_FORMAT, ()):
        raise UnreadableImage(path, "signed values of 8 bits; unsigned ones are read")


def is_white_zero(image: Image.Image) -> bool:
    """Claim that an image is a TIFF image whose lowest value is white."""
    return bool(getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO)


def deep_grey(image: Image.Image, colours: NDArray[np.int32] | None) -> NDArray[Any] | None:
    """Return grey values of more than 8 bits, (H, W), upright, or None for other images.

    Args:
        image: The image, loaded, as it is stored.
        colours: As ``read_deep_colours`` returns them.
    """
    if colours is not None:
        return _turned(image, _from_colours(colours))
    if image.mode not in DEEP_GREY:
        return None
    values = np.asarray(image)
    if is_white_zero(image) and 0 <= values.min() <= values.max() <= OPAQUE:
        values = (2 ** smallest_depth(int(values.max())) - 1) - values.astype(np.int32)
    return _turned(image, values)


def _from_colours(colours: NDArray[np.int32]) -> NDArray[Any]:
    grey = colours[..., :3] @ LUMINANCE if colours.shape[-1] >= len("RGB") else colours[..., 0]
    if colours.shape[-1] in (len("LA"), len("RGBA")):
        grey = grey * (colours[..., -1] / OPAQUE)
    return np.rint(grey)


def _load_as(path: Path, image: Image.Image, raw: str) -> NDArray[np.int32]:
    """Load a file with another reading of its samples' bytes."""
    try:
        with path.open("rb") as file, Image.open(file, formats=(str(image.format),)) as twin:
            tiles = getattr(twin, "tile", [])
            twin.tile = [_with_raw_mode(tile, raw) for tile in tiles]
            return np.array(twin).astype(np.int32)
    except ValueError:  # unknown raw mode
        pass
    raise UnreadableImage(path, UNREAD)


def _turned(image: Image.Image, values: NDArray[Any]) -> NDArray[Any]:
    """Turn values as the image's EXIF orientation says."""
    twin = Image.fromarray(values.astype(np.int32))
    twin.getexif().update({274: image.getexif().get(274, 1)})
    return np.asarray(ImageOps.exif_transpose(twin))


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _with_raw_mode(tile: Any, raw: str) -> Any:
    arguments = (raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw
    return tile._replace(args=arguments)
