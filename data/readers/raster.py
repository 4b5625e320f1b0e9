"""PNG, JPEG, JPEG 2000, TIFF, WebP, GIF and BMP: grey images, or copies of grey ones in colour.

Eight-bit files are read as they stand (0 is black, 255 white). Deeper ones rarely use all of their
16 bits: the smallest of 8, 10, 12, 14, 15 and 16 bits that holds the brightest pixel is taken for
white. Coloured files become grey by luminance, transparency lies on black, and a photograph's EXIF
orientation is obeyed. Nothing in these files says how large a pixel is: the dots per inch that
some carry are a printer's, so the spacing is unknown.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from isnet_cxr.data.readers.completeness import check_png, check_tiles, load_jpeg
from isnet_cxr.data.readers.deep_raster import (
    check_samples,
    deep_grey,
    is_white_zero,
    read_deep_colours,
)
from isnet_cxr.data.readers.greyscale import percentile_window, smallest_depth
from isnet_cxr.data.readers.jpeg_2000 import read_deep_jpeg_2000
from isnet_cxr.data.readers.radiograph import Radiograph, UnreadableImage, check_size, reading

JPEG_2000_SUFFIXES = (".jp2", ".j2k", ".jpx", ".j2c", ".jpf")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".gif", ".bmp", *JPEG_2000_SUFFIXES)
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000")
MAX_PIXELS_PER_BYTE, MAX_CLAIMED_PIXELS = 1000, 2**22
GREY_8_BIT = ("L", "1")

# At the level DEBUG, Pillow logs every tag it reads, descriptions and dates among them.
logging.getLogger("PIL").setLevel(logging.INFO)


def read_raster(path: Path) -> Radiograph:
    """Read one image.

    Raises:
        UnreadableImage: If the file is missing, damaged, of another format, animated or too large.
    """
    with reading(path, "image"):
        image, deep = open_raster(path)
        if deep is not None:
            grey, scaling = _from_deep(path, deep)
        elif image.mode == "F":
            grey, scaling = _from_float(image)
        else:
            grey, scaling = _from_8_bit(image)
        return Radiograph(pixels=grey[np.newaxis], steps=(f"{image.format} {image.mode}", scaling))


def read_raster_labels(path: Path) -> NDArray[Any]:
    """Return what is stored, for masks: grey values or indices, (H, W), or RGBA, (H, W, 4).

    Raises:
        UnreadableImage: As ``read_raster``.
    """
    with reading(path, "image"):
        image, deep = open_raster(path)
        if deep is not None:
            return deep
        if image.mode in (*GREY_8_BIT, "F"):
            return np.asarray(image if image.mode == "F" else image.convert("L"))
        colours = np.asarray(image.convert("RGBA"))
        if image.mode == "P":
            return _palette_labels(np.asarray(image), colours)
        return colours


def _palette_labels(indices: NDArray[Any], colours: NDArray[Any]) -> NDArray[Any]:
    """Return the colours, or the indices where the palette tells them not apart."""
    used = np.unique(indices)
    places = [np.unravel_index(np.argmax(indices == index), indices.shape) for index in used]
    distinct = {tuple(colours[place].tolist()) for place in places}
    return colours if len(distinct) == len(used) else indices


def open_raster(path: Path) -> tuple[Image.Image, NDArray[Any] | None]:
    """Open and decode one image, upright by its EXIF orientation.

    Returns:
        The image, and its grey values (H, W) where they have more than 8 bits, else None.

    Raises:
        UnreadableImage: If the file is of another format, animated or too large. Decoders of a
            damaged file raise whatever they do, see ``reading``.
    """
    Image.init()  # or Pillow knows only some of the formats; done once
    unknown = ""
    try:
        # A stream: files that Pillow maps into memory it garbles when it turns them.
        with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            check_size(path, height=image.height, width=image.width)
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise UnreadableImage(path, "several frames in one file; one is expected")
            if image.format == "JPEG2000":
                _check_claim(path, pixels=image.height * image.width)
            if image.format in ("TIFF", "GIF"):
                check_tiles(path, image)
            colours = read_deep_jpeg_2000(path, image)
            if colours is None:
                colours = read_deep_colours(path, image)
            check_samples(path, image, colours)
            loaded = _load(path, image)
            return _upright(loaded), deep_grey(loaded, colours)
    except UnidentifiedImageError:
        unknown = "not an image in a known format, or damaged"
    except Image.DecompressionBombError:
        unknown = "image of too many pixels"
    raise UnreadableImage(path, unknown)


def _load(path: Path, image: Image.Image) -> Image.Image:
    if image.format in ("JPEG", "MPO"):
        return load_jpeg(path, image)
    image.load()
    if image.format == "PNG":
        check_png(path, image)
    return image


def _check_claim(path: Path, *, pixels: int) -> None:
    """Refuse a JPEG 2000 image whose few bytes claim many pixels, for which room would be made."""
    size = path.stat().st_size
    if pixels > MAX_CLAIMED_PIXELS and pixels > MAX_PIXELS_PER_BYTE * size:
        raise UnreadableImage(path, f"damaged image: {pixels:,} pixels in {size:,} bytes")


def _upright(image: Image.Image) -> Image.Image:
    # exif_transpose drops tags, and the attribute format, which the reading steps record.
    if image.mode == "F" and is_white_zero(image):
        upright = ImageOps.exif_transpose(Image.fromarray(-np.asarray(image)))
    else:
        upright = ImageOps.exif_transpose(image)
    upright.format = image.format
    return upright


def _from_8_bit(image: Image.Image) -> tuple[NDArray[np.float32], str]:
    if image.mode in GREY_8_BIT:
        note = "grey as stored"
    else:
        if image.has_transparency_data:
            opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(opaque, image.convert("RGBA"))
        image, note = image.convert("RGB"), "grey from colour by luminance"
    grey = np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
    return grey, note


def _from_float(image: Image.Image) -> tuple[NDArray[np.float32], str]:
    """Grey from numbers of any range; what is no number is as dark as the darkest that is."""
    values = np.asarray(image, dtype=np.float32)
    finite = np.isfinite(values)
    darkest = values[finite].min() if finite.any() else np.float32(0)
    return percentile_window(np.where(finite, values, darkest)), "grey from percentiles 0.5 to 99.5"


def _from_deep(path: Path, values: NDArray[Any]) -> tuple[NDArray[np.float32], str]:
    darkest, brightest = int(values.min()), int(values.max())
    if darkest < 0 or brightest >= 2**16:
        raise UnreadableImage(path, "values outside 0 to 65535; at most 16 bits are read")
    depth = smallest_depth(brightest)
    return values.astype(np.float32) / np.float32(2**depth - 1), f"{depth} bits of grey"
