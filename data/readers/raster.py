"""PNG, JPEG, TIFF, WebP, GIF and BMP: grey images, or copies of grey ones in colour.

Eight-bit files are read as they stand (0 is black, 255 white). Deeper ones rarely use all of their
16 bits: the smallest of 8, 10, 12, 14, 15 and 16 bits that holds the brightest pixel is taken for
white. Coloured files become grey by luminance, transparency lies on black, and a photograph's EXIF
orientation is obeyed. Nothing in these files says how large a pixel is: the dots per inch that
some carry are a printer's, so the spacing is unknown.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from data.readers.film import Film, UnreadableImage, check_size
from data.readers.greyscale import percentile_window

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".gif", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
DEPTHS = (8, 10, 12, 14, 15, 16)
GREY_8_BIT = ("L", "1")
DEEP = ("I;16", "I;16B", "I;16L", "I")


def read_raster(path: Path) -> Film:
    """Read one image.

    Raises:
        UnreadableImage: If the file is missing, damaged, of another format, animated or too large.
    """
    image = open_raster(path)
    steps = [f"{image.format} {image.mode}"]
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        grey, scaling = percentile_window(values), "grey from percentiles 0.5 to 99.5"
    elif image.mode in DEEP:
        grey, scaling = _from_deep(path, np.asarray(image))
    else:
        grey, scaling = _from_8_bit(image)
    steps.append(scaling)
    return Film(pixels=grey[np.newaxis], steps=tuple(steps))


def open_raster(path: Path) -> Image.Image:
    """Open and decode one image, upright by its EXIF orientation.

    Raises:
        UnreadableImage: If the file is missing, damaged, of another format, animated or too large.
    """
    Image.init()  # or Pillow knows only some of the formats; done once
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images and odd metadata; check_size has its own limit.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                check_size(path, height=image.height, width=image.width)
                if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                    raise UnreadableImage(path, "several frames in one file; one is expected")
                image.load()
                return _upright(image)
    except UnreadableImage:
        raise
    except FileNotFoundError:
        raise UnreadableImage(path, "no such file") from None
    except UnidentifiedImageError:
        raise UnreadableImage(path, "not an image in a known format, or damaged") from None
    except Image.DecompressionBombError:
        raise UnreadableImage(path, "image of too many pixels") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, ...
        raise UnreadableImage(path, f"damaged image ({type(error).__name__})") from None


def _upright(image: Image.Image) -> Image.Image:
    # exif_transpose drops the attribute format, which the reading steps record.
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


def _from_deep(path: Path, values: NDArray[np.generic]) -> tuple[NDArray[np.float32], str]:
    numbers = values.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= 2 ** DEPTHS[-1]:
        raise UnreadableImage(path, "values outside 0 to 65535; at most 16 bits are read")
    depth = next(bits for bits in DEPTHS if numbers.max() < 2**bits)
    return (numbers / (2**depth - 1)).astype(np.float32), f"{depth} bits of grey"
