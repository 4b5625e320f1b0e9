"""JPEG 2000 files of any depth: every value is itself, the brightest among them."""

import struct

import numpy as np
import pytest
from openjpeg.utils import encode_array

from isnet_cxr.data.readers import UnreadableImage, read_image

SIZES = [(37, 52), (64, 33)]


def boxed(codestream, size, samples, bits, *, colours, signed=False):
    """Put a codestream into a JP2 file; ``colours`` is its enumerated colour space."""

    def box(kind, content):
        return struct.pack(">I4s", 8 + len(content), kind) + content

    ihdr = box(b"ihdr", struct.pack(">2IH4B", *size, samples, bits - 1 + 128 * signed, 7, 0, 0))
    colr = box(b"colr", struct.pack(">3BI", 1, 0, 0, colours))
    return (
        box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"jp2h", ihdr + colr) + box(b"jp2c", codestream)
    )  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 15, 16])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", ["f.jp2", "f.j2k", "f.png"])
def test_a_grey_image_is_itself_at_every_depth(tmp_path, wedge, size, bits, samples, signed, name):
    values = wedge(*size, bits)
    stored = values.astype(np.int32) - signed * 2 ** (bits - 1)
    stored = stored.astype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")
    grey = stored if samples == 1 else np.stack([stored] * 3, axis=-1)
    stream = encode_array(grey, bits_stored=bits, use_mct=False)
    space = 17 if samples == 1 else 16
    content = boxed(stream, size, samples, bits, colours=space, signed=signed)
    (tmp_path / name).write_bytes(stream if name.endswith("k") else content)
    read = read_image(tmp_path / name).pixels[0]
    np.testing.assert_allclose(read, values / (2**bits - 1), atol=1 / 2**bits)
    assert read.max() > 0.99


def test_deep_samples_that_are_neither_grey_nor_rgb_are_refused(tmp_path, wedge):
    colours = np.stack([wedge(37, 52, 12)] * 3, axis=-1)
    stream = encode_array(colours, bits_stored=12, use_mct=False)
    (tmp_path / "f.jp2").write_bytes(boxed(stream, (37, 52), 3, 12, colours=18))
    with pytest.raises(UnreadableImage, match="JPEG 2000 image of 3 samples of 12 bits"):
        read_image(tmp_path / "f.jp2")
