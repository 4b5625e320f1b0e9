"""Sixteen bits are sixteen bits, in colour as in grey, and whichever of 0 and 1 is white."""

import struct
import zlib

import numpy as np
import pytest
import tifffile

from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask

SIZES = [(9, 14), (31, 8), (16, 24)]


def write_png(path, values, *, interlaced=False):
    """Write 16-bit samples (H, W, C), which Pillow does not; every row with another filter."""
    rows, columns, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    plain = values.astype(">u2").reshape(rows, -1).view(np.uint8).astype(np.int16)
    step, before = 2 * channels, np.zeros(plain.shape[1], np.int16)
    content = b""
    for number, row in enumerate(plain):
        left = np.concatenate([np.zeros(step, np.int16), row[:-step]])
        filtered = [row, row - left, row - before, row - (left + before) // 2][number % 4]
        content += bytes([number % 4]) + (filtered % 256).astype(np.uint8).tobytes()
        before = row
    header = struct.pack(">2I5B", columns, rows, 16, kind, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(content)), (b"IEND", b"")):
        crc = zlib.crc32(name + body)
        whole += struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)
    path.write_bytes(whole)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_them_in_colour(tmp_path, wedge, size, bits, channels):
    values = wedge(*size, bits)
    samples = np.stack([values] * channels, axis=-1)
    if channels in (2, 4):
        samples[..., -1] = 2**16 - 1
    write_png(tmp_path / "f.png", samples)
    read = read_image(tmp_path / "f.png")
    np.testing.assert_allclose(read.pixels[0], values / (2**bits - 1), atol=0.6 / (2**bits - 1))
    assert f"{bits} bits of grey" in read.steps


def test_colours_of_16_bits_become_luminance_on_black(tmp_path):
    samples = np.zeros((4, 5, 4), np.uint16)
    samples[..., 1], samples[:2, :, 3], samples[0, 0] = 40000, 2**16 - 1, 2**16 - 1
    write_png(tmp_path / "f.png", samples)
    pixels = read_image(tmp_path / "f.png").pixels[0]
    assert pixels[0, 0] == 1
    np.testing.assert_allclose(pixels[1], 0.587 * 40000 / 65535, atol=1e-4)
    assert pixels[2:].max() == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack", "rgb"])
def test_a_tiff_of_16_bits_is_read(
    tmp_path, wedge, size, bits, byteorder, compression, photometric
):
    values = wedge(*size, bits)
    stored = 2**bits - 1 - values if photometric == "miniswhite" else values
    if photometric == "rgb":
        stored = np.stack([stored] * 3, axis=-1)
    tifffile.imwrite(
        tmp_path / "f.tif",
        stored.astype(np.uint16),
        photometric=photometric,
        byteorder=byteorder,
        compression=compression,
    )
    read = read_image(tmp_path / "f.tif")
    np.testing.assert_allclose(read.pixels[0], values / (2**bits - 1), atol=0.6 / (2**bits - 1))


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_of_8_bits_is_read(tmp_path, wedge, photometric, compression):
    values = wedge(16, 24, 8).astype(np.uint8)
    stored = 255 - values if photometric == "miniswhite" else values
    tifffile.imwrite(tmp_path / "f.tif", stored, photometric=photometric, compression=compression)
    np.testing.assert_allclose(read_image(tmp_path / "f.tif").pixels[0], values / 255, atol=1e-6)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_deep_images_are_turned_upright(tmp_path, wedge, turn):
    values = wedge(9, 14, 16)
    for photometric, stored in (("minisblack", values), ("rgb", np.stack([values] * 3, -1))):
        tifffile.imwrite(
            tmp_path / "f.tif", stored, photometric=photometric,
            extratags=[(274, "H", 1, turn, True)], metadata=None,
        )  # fmt: skip
        upright = {1: values, 3: values[::-1, ::-1], 6: np.rot90(values, -1), 8: np.rot90(values)}
        read = read_image(tmp_path / "f.tif").pixels[0]
        np.testing.assert_allclose(read, upright[turn] / 65535, atol=1e-4)


@pytest.mark.parametrize("turn", [1, 3, 6])
@pytest.mark.parametrize("kind", ["float32", "float32 with holes"])
def test_a_tiff_of_numbers_is_dark_where_its_photometric_says(tmp_path, wedge, turn, kind):
    """Whichever of its ends is white; what is no number is as dark as anything."""
    grey = (wedge(24, 31, 12) / 4095).astype(np.float32)
    hole = np.zeros(grey.shape, dtype=bool)
    hole[:3] = "holes" in kind
    read = []
    for photometric, shown in (("minisblack", grey), ("miniswhite", 1 - grey)):
        values = np.where(hole, np.float32(np.inf), shown)
        values[0, 0] = -np.inf if "holes" in kind else values[0, 0]
        orientation = [(274, "H", 1, turn, True)]
        tifffile.imwrite(tmp_path / "f.tif", values, photometric=photometric, extratags=orientation)
        read.append(read_image(tmp_path / "f.tif").pixels[0])
    np.testing.assert_allclose(read[0], read[1], atol=1e-5)
    upright = {1: grey, 3: grey[::-1, ::-1], 6: np.rot90(grey, -1)}[turn]
    filled = {1: hole, 3: hole[::-1, ::-1], 6: np.rot90(hole, -1)}[turn]
    assert np.corrcoef(read[0][~filled], upright[~filled])[0, 1] > 0.999
    assert not read[0][filled].any()


@pytest.mark.parametrize(
    ("channels", "options"),
    [
        (3, {"photometric": "rgb", "planarconfig": "separate"}),
        (4, {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]}),
        (4, {"photometric": "separated"}),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_colours_in_planes_or_inks_are_refused(tmp_path, wedge, channels, options, order):
    planes = np.stack([wedge(24, 31, 16)] * channels)
    samples = planes if "planarconfig" in options else np.moveaxis(planes, 0, -1)
    tifffile.imwrite(tmp_path / "f.tif", samples.astype(f"{order}u2"), byteorder=order, **options)
    for read in (read_image, read_mask):
        with pytest.raises(UnreadableImage, match="colours of 16 bits in a form that is not read"):
            read(tmp_path / "f.tif")


def test_signed_bytes_are_refused(tmp_path, wedge):
    values = (wedge(24, 31, 8).astype(np.int16) - 128).astype(np.int8)
    tifffile.imwrite(tmp_path / "f.tif", values)
    with pytest.raises(UnreadableImage, match="signed values of 8 bits"):
        read_image(tmp_path / "f.tif")


@pytest.mark.parametrize("layout", [{"rowsperstrip": 5}, {"tile": (16, 16)}, {}])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("side", ["ImageLength", "ImageWidth"])
@pytest.mark.parametrize(
    ("kind", "channels"), [("u1", 1), ("u2", 1), ("f4", 1), ("u1", 3), ("u2", 3)]
)
def test_a_tiff_is_its_stated_size_or_refused(tmp_path, kind, channels, layout, compression, side):
    rng, shape = np.random.default_rng(0), (37, 45, 3)[: 2 + (channels == len("RGB"))]
    values = rng.integers(0, 256, shape).astype(kind)
    colour = "rgb" if channels == len("RGB") else "minisblack"
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, values, photometric=colour, compression=compression, **layout)
    assert read_image(path).pixels.shape == (1, 37, 45)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[side].overwrite(4000)
    with pytest.raises(UnreadableImage):
        read_image(path)
