"""Run lengths and codestreams: which of the stored bits are the value, and which frame it is."""

import struct

import jpeg_ls
import numpy as np
import pydicom
import pytest
from openjpeg.utils import encode_array

from isnet_cxr.data.readers import UnreadableImage, read_image
from tests.data.readers.test_codestream import J2K, JPEG_LS, RLE, j2k, packbits

SIZES = [(37, 52), (71, 34)]
LOSSY_J2K, NEAR_LOSSLESS = "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.81"
DEPTHS = [9, 12, 15]


def header(size, bits, *, signed=False):
    return {
        "rows": size[0], "columns": size[1], "bits": bits, "PixelRepresentation": int(signed),
        "WindowCenter": 0 if signed else 2 ** (bits - 1), "WindowWidth": 2**bits,
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("signed", [False, True])
def test_run_lengths_keep_overlays_and_a_high_bit_as_native_pixels_do(
    wedge, write_frame, size, bits, signed
):
    values = wedge(*size, bits)
    stored = (values.astype(np.int32) - signed * 2 ** (bits - 1)) & (2**bits - 1)
    overlay = np.random.default_rng(0).integers(0, 2 ** (16 - bits), size)
    for content, high in (
        (stored | overlay << bits, bits - 1),
        (stored << (16 - bits) | overlay, 15),
    ):
        words = content.astype(np.uint16)
        told = {**header(size, bits, signed=signed), "HighBit": high}
        packed = read_image(write_frame(packbits(words), syntax=RLE, **told)).pixels
        native = read_image(write_frame(words.tobytes(), **told)).pixels
        np.testing.assert_array_equal(packed, native)
        np.testing.assert_allclose(packed[0], values / (2**bits - 1), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", DEPTHS)
def test_signed_values_whose_sign_was_not_spread_are_signed(wedge, write_frame, size, bits):
    values = wedge(*size, bits)
    words = (values.astype(np.int32) - 2 ** (bits - 1)) & (2**bits - 1)
    content = bytes(jpeg_ls.encode_array(words.astype(np.uint16)))
    read = read_image(
        write_frame(content, syntax=JPEG_LS, **header(size, bits, signed=True))
    ).pixels
    np.testing.assert_allclose(read[0], values / (2**bits - 1), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [10, 12])
def test_what_a_lossy_codestream_overshoots_is_clipped_and_no_more(wedge, write_frame, size, bits):
    values = wedge(*size, bits)
    over = values.astype(np.int32) + 2 ** (bits - 6)
    far = values.astype(np.int32) + 2 ** (bits - 2)
    lossy, lossless = (LOSSY_J2K, NEAR_LOSSLESS), (J2K, JPEG_LS)

    def path(words, syntax):
        code = j2k if syntax in (J2K, LOSSY_J2K) else lambda w, _: bytes(jpeg_ls.encode_array(w))
        return write_frame(code(words.astype(np.uint16), 16), syntax=syntax, **header(size, bits))

    for syntax in lossy:
        expected = np.clip(over, 0, 2**bits - 1) / (2**bits - 1)
        np.testing.assert_allclose(read_image(path(over, syntax)).pixels[0], expected, atol=1e-4)
    for words, syntaxes in ((over, lossless), (far, (*lossy, *lossless))):
        for syntax in syntaxes:
            with pytest.raises(UnreadableImage, match=f"more than the {bits} bits"):
                read_image(path(words, syntax))


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("offsets", ["none", "first", "each fragment", "nonsense"])
def test_an_offset_table_does_not_say_how_many_frames_there_are(
    wedge, write_frame, pieces, offsets
):
    """Some writers list every fragment there, or nothing that is right."""
    values = wedge(41, 38, 8)
    frame = encode_array(values.astype(np.uint8), bits_stored=8, use_mct=False)
    path = write_frame(frame, syntax=J2K, **header((41, 38), 8))
    step = -(-len(frame) // pieces) // 2 * 2 + 2
    parts = [frame[start : start + step] for start in range(0, len(frame), step)]
    parts[-1] += bytes(len(parts[-1]) % 2)
    starts = [sum(8 + len(part) for part in parts[:number]) for number in range(len(parts))]
    listed = {"none": [], "first": [0], "each fragment": starts, "nonsense": [0, 9999]}[offsets]
    table = struct.pack(f"<{len(listed)}I", *listed)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = b"".join(
        b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in (table, *parts)
    )
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    np.testing.assert_allclose(read_image(path).pixels[0], values / 255, atol=1e-4)
