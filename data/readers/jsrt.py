"""The JSRT database's own format: 2048 x 2048 values of 12 bits, two bytes each, big-endian.

There is no header. The values are image density, dark where the image let light through least, so
that air is high and bone low: the image is inverted here. Pixels are 0.175 mm wide and high.
"""

from pathlib import Path

import numpy as np

from isnet_cxr.data.readers.radiograph import Radiograph, UnreadableImage

SUFFIXES = (".img",)
SIZE_PX = 2048
BYTES = 2 * SIZE_PX * SIZE_PX
HIGHEST = 2**12 - 1
SPACING_MM = 0.175


def read_jsrt_image(path: Path) -> Radiograph:
    """Read one image.

    Raises:
        UnreadableImage: If the file is missing, has another size, or values of more than 12 bits.
    """
    try:
        size = path.stat().st_size
        if size != BYTES:
            raise UnreadableImage(path, f"raw image of {BYTES:,} bytes expected, got {size:,}")
        values = np.fromfile(path, dtype=">u2")
    except OSError:
        raise UnreadableImage(path, "no such file, or it cannot be read") from None
    if values.max() > HIGHEST:
        raise UnreadableImage(path, f"values above {HIGHEST}; a raw image has 12 bits")
    grey = 1 - values.reshape(1, SIZE_PX, SIZE_PX).astype(np.float32) / np.float32(HIGHEST)
    return Radiograph(
        pixels=grey,
        spacing_mm=(SPACING_MM, SPACING_MM),
        steps=("raw image", "12 bits of grey", "inverted: stored as image density"),
    )
