"""JPEG 2000 images of more than 8 bits, of which Pillow reads only plain grey ones right.

Colours of 9 to 16 bits it rounds to 8, and what is rounded beyond white comes out black. These are
decoded as DICOM's are, in a process apart, at the depth and with the sign that the codestream has.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000

from isnet_cxr.data.readers.codestream import (
    Codestream,
    CodestreamError,
    read_codestream,
    without_boxes,
)
from isnet_cxr.data.readers.decoding import DecodingError, decode_frame
from isnet_cxr.data.readers.radiograph import UnreadableImage

FORMAT = "JPEG2000"
READ_BY_PILLOW = ("I;16", "I;16B")
EIGHT_BITS, SIXTEEN_BITS = 8, 16
WHITE = 2**SIXTEEN_BITS - 1
COLOUR_BOX, SYCC = b"colr\x01", 18


def read_deep_jpeg_2000(path: Path, image: Image.Image) -> NDArray[np.int32] | None:
    """Return samples scaled to 16 bits, (H, W, C) of grey or RGB, or None where Pillow reads them.

    Args:
        path: The file.
        image: The same, opened.

    Raises:
        UnreadableImage: If the samples are of more than 16 bits, neither grey nor RGB, or damaged.
    """
    if image.format != FORMAT or image.mode in READ_BY_PILLOW:
        return None
    content = path.read_bytes()
    try:
        codestream = without_boxes(content)
        header = read_codestream(codestream)
    except CodestreamError:  # a palette, or components of unequal depth: what Pillow makes of it
        return None
    if header.bits <= EIGHT_BITS:
        return None
    if header.bits > SIXTEEN_BITS or header.samples not in (1, 3) or _is_ycc(content):
        raise UnreadableImage(
            path, f"JPEG 2000 image of {header.samples} samples of {header.bits} bits"
        )
    return _decode(path, codestream, header)


def _decode(path: Path, codestream: bytes, header: Codestream) -> NDArray[np.int32]:
    options = {
        "transfer_syntax": str(JPEG2000),
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": 1,
        "samples_per_pixel": header.samples,
        "photometric_interpretation": "MONOCHROME2" if header.samples == 1 else "RGB",
        "pixel_representation": int(bool(header.signed)),
        "bits_allocated": SIXTEEN_BITS,
        "bits_stored": header.bits,
        "pixel_keyword": "PixelData",
        "planar_configuration": 0,
    }
    failure = ""
    try:
        values = decode_frame(options, encapsulate([codestream], has_bot=False))
    except DecodingError as error:
        failure = str(error)
    if failure:
        raise UnreadableImage(path, f"damaged image ({failure})")
    lowest = -(2 ** (header.bits - 1)) if header.signed else 0
    unit = (values.astype(np.float64) - lowest) / (2**header.bits - 1)
    samples = np.rint(np.clip(unit, 0, 1) * WHITE).astype(np.int32)
    return np.asarray(samples.reshape(header.rows, header.columns, header.samples))


def _is_ycc(content: bytes) -> bool:
    """Claim that a JP2 file's colours are brightness and two differences (T.800 I.5.3.3)."""
    place = content.find(COLOUR_BOX)
    return place >= 0 and int.from_bytes(content[place + 7 : place + 11], "big") == SYCC
