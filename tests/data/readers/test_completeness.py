"""An image whose data end before it does is refused; one whose data are whole is read as it is."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask

SIZE = (64, 80)
COLOURS = ["L", "RGB", "CMYK"]


def noise(mode: str, size=SIZE) -> Image.Image:
    """A picture without a black row, so that no row is guessed."""
    steps = np.random.default_rng(0).integers(-3, 4, size)
    grey = np.clip(np.cumsum(steps, axis=1) + 128, 1, 254).astype(np.uint8)
    return Image.fromarray(grey).convert(mode)


def written(image: Image.Image, kind: str, **options) -> bytes:
    """What Pillow writes of a picture."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_size(jpeg: bytes, rows: int, columns: int) -> bytes:
    """The same JPEG with another size in its start of frame."""
    place = re.search(b"\xff[\xc0\xc2]", jpeg).start() + 5
    return jpeg[:place] + struct.pack(">2H", rows, columns) + jpeg[place + 4 :]


def refused(path, content: bytes) -> bool:
    """Whether a file of this content is refused, and is not a mask either."""
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match="damaged image"):
        read_image(path)
    with pytest.raises(UnreadableImage, match="damaged image"):
        read_mask(path)
    return True


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("rest", [b"", bytes(100)])
def test_a_whole_jpeg_is_what_pillow_reads(tmp_path, mode, progressive, rest):
    path = tmp_path / "f.jpg"
    path.write_bytes(written(noise(mode), "JPEG", progressive=progressive) + rest)
    expected = np.asarray(Image.open(path).convert("RGB").convert("L")) / 255
    np.testing.assert_allclose(read_image(path).pixels[0], expected, atol=1e-6)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_jpeg_keeps_its_orientation(tmp_path, turn):
    exif = Image.Exif()
    exif[274] = turn
    (tmp_path / "f.jpg").write_bytes(written(noise("L"), "JPEG", exif=exif, quality=95))
    pixels = read_image(tmp_path / "f.jpg").pixels[0] * 255
    expected = np.rot90(np.asarray(noise("L")), {1: 0, 3: 2, 6: -1, 8: 1}[turn])
    np.testing.assert_allclose(pixels, expected, atol=20)


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_ends_too_early_is_refused(tmp_path, mode, progressive):
    whole = written(noise(mode), "JPEG", progressive=progressive)
    middle = whole.rindex(b"\xff\xda") + 40 if progressive else len(whole) // 2
    end = b"\xff\xd9"
    assert refused(tmp_path / "f.jpg", with_size(whole, 128, 80))
    assert refused(tmp_path / "f.jpg", with_size(whole, 64, 160))
    assert refused(tmp_path / "f.jpg", whole[:middle] + end)
    assert refused(tmp_path / "f.jpg", whole[: len(whole) // 2])


def test_bytes_behind_the_last_pixel_are_harmless(tmp_path):
    whole = written(noise("L"), "JPEG")
    (tmp_path / "f.jpg").write_bytes(whole[:-2] + bytes(12) + whole[-2:])
    assert read_image(tmp_path / "f.jpg").pixels.shape == (1, *SIZE)


def png(values: np.ndarray, *, missing: int = 0, interlaced: bool = False) -> bytes:
    """A grey PNG of 8 bits in sound chunks, whose data end ``missing`` bytes too early."""
    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    passes = (*steps, (0, 1, 1, 2)) if interlaced else ((0, 0, 1, 1),)
    rows = [row for x, y, right, down in passes for row in values[y::down, x::right] if row.size]
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">2I5B", *values.shape[::-1], 8, 0, 0, 0, interlaced)
    packed = zlib.compress(data[: len(data) - missing])
    parts = (b"IHDR", header), (b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(64, 80), (1, 1), (5, 3), (9, 17)])
@pytest.mark.parametrize("last_row", [0, 7])
def test_a_png_is_whole_or_refused(tmp_path, size, interlaced, last_row):
    values = np.array(noise("L", size))
    values[-1] = last_row
    path = tmp_path / "f.png"
    path.write_bytes(png(values, interlaced=interlaced))
    np.testing.assert_allclose(read_image(path).pixels[0], values / 255, atol=1e-6)
    for missing in {1, size[1] + 1}:
        assert refused(path, png(values, missing=missing, interlaced=interlaced))


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "I;16"])
def test_a_black_png_of_any_kind_is_whole(tmp_path, mode):
    Image.new(mode, (37, 21)).save(tmp_path / "f.png")
    assert read_image(tmp_path / "f.png").pixels.shape == (1, 21, 37)


def test_a_gif_whose_frame_is_smaller_is_refused(tmp_path):
    whole = written(noise("L"), "GIF")
    assert refused(tmp_path / "f.gif", whole[:6] + struct.pack("<2H", 80, 128) + whole[10:])


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_tiff_of_jpeg_strips_is_whole_or_refused(tmp_path, mode, share):
    path = tmp_path / "f.tif"
    noise(mode, (600, 200)).save(path, compression="jpeg")
    assert read_image(path).pixels.shape == (1, 600, 200)
    with tifffile.TiffFile(path, mode="r+b") as file:
        lengths = file.pages[0].tags["StripByteCounts"]
        counts = [*lengths.value[:-1], int(lengths.value[-1] * share)]
        lengths.overwrite(counts if len(counts) > 1 else counts[0])
    assert refused(path, path.read_bytes())
