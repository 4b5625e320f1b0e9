"""Files whose data end before the image does, which decoders fill with grey or black.

Pillow says nothing of it: a JPEG image that was cut off and closed again, one whose data are
damaged, and any whose header states more rows than follow leave it as sound images. simplejpeg, on
the same libjpeg-turbo, says so; of PNG files zlib tells how much they hold, and of TIFF and GIF
files the tiles tell how much of the image they cover.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from isnet_cxr.data.readers.radiograph import UnreadableImage

JPEG_COLOURS = {"L": "GRAY", "RGB": "RGB"}
HARMLESS = "extraneous bytes before marker 0xd9"
"""What libjpeg says of bytes behind the last pixel, which some programs leave."""
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
# TIFF tags: where strips and tiles begin, their lengths, and what all JPEG images have in common.
PLACES, COMPRESSION, JPEG_TILES, JPEG_TABLES = ((273, 279), (324, 325)), 259, 7, 347
PNG_START, PNG_CHECK, PNG_HEADER = 8, 4, ">I4s"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Left, upper, step right, step down of what is stored: one image, or seven of an interlaced one.
WHOLE = ((0, 0, 1, 1),)
INTERLACED = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
BLOCK = 2**20


def load_jpeg(path: Path, image: Image.Image) -> Image.Image:
    """Decode a JPEG image.

    Args:
        path: The file.
        image: The same, opened and not yet loaded.

    Returns:
        The image, loaded, with its tags.

    Raises:
        UnreadableImage: If data are missing or damaged.
    """
    pixels = _decode_jpeg(path, path.read_bytes(), JPEG_COLOURS.get(image.mode, "GRAY"))
    if pixels is None or image.mode not in JPEG_COLOURS:
        image.load()
        return image
    loaded = Image.fromarray(pixels.squeeze(-1) if image.mode == "L" else pixels)
    loaded.info, loaded.format = image.info, image.format
    return loaded


def _decode_jpeg(path: Path, content: bytes, colours: str) -> NDArray[np.uint8] | None:
    """Decode a JPEG codestream, or return None where there is more in it than its pixels."""
    reason = ""
    try:
        return np.asarray(simplejpeg.decode_jpeg(content, colours))
    except ValueError as error:
        reason = str(error)
    if reason.endswith(HARMLESS):
        return None
    raise UnreadableImage(path, "damaged image: data are missing or wrong (JPEG)")


def check_png(path: Path, image: Image.Image) -> None:
    """Refuse a PNG image that holds fewer pixels than its header states.

    Missing rows come out black, so that only images that end so are looked at.

    Args:
        path: The file.
        image: The same, loaded.

    Raises:
        UnreadableImage: If rows are missing.
    """
    if np.asarray(image)[-1].any() and not image.info.get("interlace"):
        return
    with path.open("rb") as file:
        if not _holds(_chunks(file)):
            raise UnreadableImage(path, "damaged image: rows are missing (PNG)")


def check_tiles(path: Path, image: Image.Image) -> None:
    """Refuse an image whose tiles or strips leave a part of it empty, which comes out black.

    Args:
        path: The file, a TIFF or GIF image.
        image: The same, opened and not yet loaded.

    Raises:
        UnreadableImage: If they do, or are JPEG images that lack data.
    """
    extents = {tile.extents for tile in getattr(image, "tile", ())}
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in extents)
    if covered != image.width * image.height:
        size = f"{image.height} x {image.width}"
        raise UnreadableImage(path, f"damaged image: {covered:,} pixels in tiles for {size}")
    tags = getattr(image, "tag_v2", {})
    if tags.get(COMPRESSION) == JPEG_TILES:
        tables = tags.get(JPEG_TABLES, b"")[: -len(JPEG_END)]
        content = path.read_bytes()
        for offsets, lengths in PLACES:
            for start, length in zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=True):
                tile = content[start : start + length]
                _decode_jpeg(path, tables + tile[len(JPEG_START) :] if tables else tile, "GRAY")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(PNG_START)
    while len(head := file.read(struct.calcsize(PNG_HEADER))) == struct.calcsize(PNG_HEADER):
        length, name = struct.unpack(PNG_HEADER, head)
        yield name, file.read(length)
        file.seek(PNG_CHECK, os.SEEK_CUR)


def _holds(chunks: Iterator[tuple[bytes, bytes]]) -> bool:
    """Claim that the packed data are as long as the first chunk, the header, makes them."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">2I5B", next(chunks)[1])
    missing: int = sum(
        -(-(height - upper) // down) * (1 + -(-(columns * bits * PNG_CHANNELS[colour]) // 8))
        for left, upper, right, down in (INTERLACED if interlaced else WHOLE)
        if (columns := -(-(width - left) // right)) > 0 and height > upper
    )
    inflate = zlib.decompressobj()
    for name, content in chunks:
        packed = content if name == b"IDAT" else b""
        while packed and missing > 0:
            missing -= len(inflate.decompress(packed, BLOCK))
            packed = inflate.unconsumed_tail
    return missing <= 0
