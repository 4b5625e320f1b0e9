"""A codestream that contradicts its header is refused by name, or read by its own sign."""

import io
import struct

import jpeg_ls
import numpy as np
import pydicom
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.encaps import encapsulate

from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.readers.codestream import (
    Codestream,
    CodestreamError,
    read_codestream,
    rle_length,
    without_boxes,
)

SIZES = [(37, 52), (71, 34), (40, 64)]
BASELINE, JPEG_LS, J2K, RLE = (f"1.2.840.10008.1.2.{end}" for end in ("4.50", "4.80", "4.90", "5"))


def baseline(values, _bits):
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "JPEG", quality=98)
    return stream.getvalue()


def jls(values, bits):
    return bytes(jpeg_ls.encode_array(values.astype(np.uint8 if bits <= 8 else np.uint16)))


def j2k(values, bits):
    kind = np.dtype(f"{values.dtype.kind}{1 if bits <= 8 else 2}")
    return encode_array(values.astype(kind), bits_stored=bits, use_mct=False)


def packbits(values):
    """Compress each byte plane as literal runs, the high bytes first (PS3.5 G)."""
    planes = [(values >> 8).astype(np.uint8), (values & 255).astype(np.uint8)]
    segments = []
    for plane in planes:
        content = plane.tobytes()
        runs = [content[start : start + 128] for start in range(0, len(content), 128)]
        whole = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(whole + bytes(len(whole) % 2))
    starts = [64, 64 + len(segments[0])]
    return struct.pack("<16I", 2, *starts, *[0] * 13) + b"".join(segments)


CODERS = {"baseline": (baseline, BASELINE, 8), "jls": (jls, JPEG_LS, 8), "j2k": (j2k, J2K, 8)}
DEEP = {"jls": (jls, JPEG_LS, 16), "j2k": (j2k, J2K, 12)}
ALL = {**CODERS, **{f"deep {name}": coder for name, coder in DEEP.items()}}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coder", ALL)
def test_the_header_of_a_codestream_is_read(wedge, coder, size):
    encode, _, bits = ALL[coder]
    found = read_codestream(encode(wedge(*size, bits), bits))
    signed = False if "j2k" in coder else None
    assert found == Codestream(*size, samples=1, bits=bits, signed=signed)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coder", ALL)
def test_a_codestream_that_keeps_to_its_header_is_read(wedge, write_frame, coder, size):
    encode, syntax, bits = ALL[coder]
    values = wedge(*size, bits)
    path = write_frame(
        encode(values, bits), rows=size[0], columns=size[1], bits=bits, syntax=syntax,
        WindowCenter=2 ** (bits - 1), WindowWidth=2**bits,
    )  # fmt: skip
    error = 0.05 if syntax == BASELINE else 1e-4
    np.testing.assert_allclose(read_image(path).pixels[0], values / (2**bits - 1), atol=error)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coder", ALL)
@pytest.mark.parametrize("change", ["transposed", "larger", "smaller"])
def test_another_size_is_refused_and_both_are_named(wedge, write_frame, coder, size, change):
    encode, syntax, bits = ALL[coder]
    rows, columns = size
    inside = {
        "transposed": (columns, rows),
        "larger": (rows + 3, columns + 1),
        "smaller": (rows - 2, columns - 1),
    }[change]
    content = encode(wedge(*inside, bits), bits)
    path = write_frame(content, rows=rows, columns=columns, bits=bits, syntax=syntax)
    with pytest.raises(UnreadableImage) as error:
        read_image(path)
    assert f"codestream of {inside[0]} x {inside[1]}" in error.value.reason
    assert f"{rows} x {columns}" in error.value.reason


@pytest.mark.parametrize("coder", CODERS)
def test_colours_under_a_grey_header_are_refused(wedge, write_frame, coder):
    encode, syntax, _ = CODERS[coder]
    colours = np.stack([wedge(39, 44, 8)] * 3, axis=-1)
    path = write_frame(encode(colours, 8), rows=39, columns=44, bits=8, syntax=syntax)
    with pytest.raises(UnreadableImage, match=r"codestream of 3 samples .* says 1 samples"):
        read_image(path)


@pytest.mark.parametrize("coder", CODERS)
def test_grey_under_a_header_of_colours_is_refused(wedge, write_frame, coder):
    encode, syntax, _ = CODERS[coder]
    path = write_frame(
        encode(wedge(39, 44, 8), 8), rows=39, columns=44, bits=8, syntax=syntax,
        SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="RGB",
    )  # fmt: skip
    with pytest.raises(UnreadableImage, match=r"codestream of 1 samples .* says 3 samples"):
        read_image(path)


@pytest.mark.parametrize("coder", DEEP)
@pytest.mark.parametrize(("inside", "stated"), [(12, 8), (16, 8), (8, 12), (8, 16)])
def test_a_depth_of_other_bytes_is_refused(wedge, write_frame, coder, inside, stated):
    encode, syntax, _ = DEEP[coder]
    content = encode(wedge(39, 44, inside), inside)
    path = write_frame(content, rows=39, columns=44, bits=stated, syntax=syntax)
    with pytest.raises(UnreadableImage, match=rf"bits in a file whose header says {stated} bits"):
        read_image(path)


@pytest.mark.parametrize("size", SIZES)
def test_a_depth_of_as_many_bytes_is_read_if_the_values_fit(wedge, write_frame, size):
    values = wedge(*size, 12)
    header = {"rows": size[0], "columns": size[1], "syntax": J2K}
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    for inside, stated in ((16, 12), (12, 16)):
        read = read_image(write_frame(j2k(values, inside), bits=stated, **header, **window))
        np.testing.assert_allclose(read.pixels[0], values / 4095, atol=1e-4)
        assert f"warning: codestream of {inside} bits, its header says otherwise" in read.steps
    path = write_frame(j2k(values * 16, 16), bits=12, **header)
    with pytest.raises(UnreadableImage, match="more than the 12 bits"):
        read_image(path)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_sign_is_the_codestreams(wedge, write_frame, bits, signed, size):
    values = wedge(*size, bits).astype(np.int32) - (2 ** (bits - 1) if signed else 0)
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    for header in (0, 1):
        path = write_frame(
            j2k(values.astype(kind), bits), rows=size[0], columns=size[1], bits=bits, syntax=J2K,
            PixelRepresentation=header, WindowCenter=0 if signed else 2 ** (bits - 1),
            WindowWidth=2**bits,
        )  # fmt: skip
        read = read_image(path)
        np.testing.assert_allclose(read.pixels[0], wedge(*size, bits) / (2**bits - 1), atol=1e-4)
        assert any("sign is the codestream's" in step for step in read.steps) == (
            signed != bool(header)
        )


@pytest.mark.parametrize("bits", [12, 13, 16])
@pytest.mark.parametrize("size", SIZES)
def test_signed_values_that_an_encoder_took_for_unsigned_are_signed(wedge, write_frame, bits, size):
    signed = wedge(*size, bits).astype(np.int32) // 2 - 2 ** (bits - 3)  # most of them positive
    content = j2k((signed & (2**bits - 1)).astype(np.uint16), bits)
    path = write_frame(
        content, rows=size[0], columns=size[1], bits=bits, syntax=J2K, PixelRepresentation=1,
        WindowCenter=0, WindowWidth=2**bits,
    )  # fmt: skip
    read = read_image(path)
    expected = (signed + 2 ** (bits - 1)) / (2**bits - 1)
    np.testing.assert_allclose(read.pixels[0], expected, atol=1e-3)
    assert any("sign is the header's" in step for step in read.steps)


def test_boxes_around_a_codestream_are_taken_off(wedge, write_frame):
    values, stream = wedge(39, 44, 8), io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "JPEG2000", irreversible=False)
    boxed = stream.getvalue()
    assert read_codestream(without_boxes(boxed)).rows == 39
    window = {"WindowCenter": 128, "WindowWidth": 256}
    path = write_frame(boxed, rows=39, columns=44, bits=8, syntax=J2K, **window)
    np.testing.assert_allclose(read_image(path).pixels[0], values / 255, atol=1e-4)
    for damaged in (boxed[:20], boxed[:12] + bytes(40), boxed.replace(b"colr", b"pclr")):
        with pytest.raises(CodestreamError):
            without_boxes(damaged)
    with pytest.raises(UnreadableImage, match="codestream of 39 x 44"):
        read_image(write_frame(boxed, rows=44, columns=39, bits=8, syntax=J2K))


@pytest.mark.parametrize("coder", ALL)
@pytest.mark.parametrize("joined", [False, True])
def test_two_frames_are_refused_whatever_the_header_says(wedge, write_frame, coder, joined):
    encode, syntax, bits = ALL[coder]
    frame = encode(wedge(39, 44, bits), bits)
    frame += bytes(len(frame) % 2)
    content = [frame + frame] if joined else [frame, frame]
    path = write_frame(content, rows=39, columns=44, bits=bits, syntax=syntax)
    with pytest.raises(UnreadableImage, match="2 frames in one file"):
        read_image(path)


def test_one_frame_in_several_fragments_is_read(wedge, write_frame):
    values = wedge(41, 38, 8)
    frame = j2k(values, 8)
    pieces = [frame[start : start + 64] for start in range(0, len(frame), 64)]
    window = {"WindowCenter": 128, "WindowWidth": 256}
    path = write_frame(frame, rows=41, columns=38, bits=8, syntax=J2K, **window)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate(pieces, has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    np.testing.assert_allclose(read_image(path).pixels[0], values / 255, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_run_lengths_are_those_of_one_frame(wedge, write_frame, size):
    values = wedge(*size, 12)
    header = {"rows": size[0], "columns": size[1], "bits": 12, "syntax": RLE}
    content = packbits(values)
    assert rle_length(content) == values.size
    read = read_image(write_frame(content, WindowCenter=2048, WindowWidth=4096, **header))
    np.testing.assert_allclose(read.pixels[0], values / 4095, atol=1e-4)
    for other in (packbits(np.concatenate([values, values])), packbits(values[:-1])):
        with pytest.raises(UnreadableImage, match="RLE frame of"):
            read_image(write_frame(other, **header))
    with pytest.raises(UnreadableImage, match="2 frames"):
        read_image(write_frame([content, content], **header))


@pytest.mark.parametrize("syntax", ["1.2", "1.2.1", "1.2.2"])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("size", SIZES)
def test_native_pixels_are_those_of_one_frame(wedge, write_frame, syntax, bits, size):
    order = ">" if syntax == "1.2.2" else "<"
    values = wedge(*size, bits)
    content = values.astype(f"{order}u{1 if bits <= 8 else 2}").tobytes()
    header = {
        "rows": size[0], "columns": size[1], "bits": bits, "syntax": f"1.2.840.10008.{syntax}"
    }  # fmt: skip
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    padded = content + bytes(len(content) % 2)
    read = read_image(write_frame(padded, **header, **window))
    np.testing.assert_allclose(read.pixels[0], values / (2**bits - 1), atol=1e-4)
    for surplus in (content, content * 2, b"\1\1", bytes(len(content))):
        with pytest.raises(UnreadableImage, match=r"pixel data of [\d,]+ bytes"):
            read_image(write_frame(padded + surplus, **header))


def test_a_second_transfer_syntax_inside_the_dataset_is_refused(wedge, write_frame, tmp_path):
    content = wedge(39, 44, 12).astype("<u2").tobytes()
    path = write_frame(content, rows=39, columns=44, bits=12)
    whole = path.read_bytes()
    place = whole.index(b"\x08\x00\x16\x00")  # SOPClassUID
    for inside, refused in ((b"1.2.840.10008.1.2.1\0", False), (b"1.2.840.10008.1.2.4.50", True)):
        element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(inside)) + inside
        end = place + 8 + struct.unpack("<H", whole[place + 6 : place + 8])[0]
        path.write_bytes(whole[:end] + element + whole[end:])
        if refused:
            with pytest.raises(UnreadableImage, match=r"two transfer syntaxes: .* and "):
                read_image(path)
        else:
            assert read_image(path).pixels.shape == (1, 39, 44)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\x4f\xff\x51\0", b"nothing", b"\xff\xd8\xff\xda"]
)
def test_what_is_no_codestream_is_one_kind_of_error(content):
    with pytest.raises(CodestreamError):
        read_codestream(content)
