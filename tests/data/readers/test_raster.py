import numpy as np
import pytest
from PIL import Image

from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.readers import radiograph as image
from isnet_cxr.data.writers import write_png

GREY = np.arange(48, dtype=np.uint8).reshape(8, 6) * 5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_copies_of_a_grey_image_read_the_same(tmp_path, mode, suffix):
    path = tmp_path / f"f{suffix}"
    try:
        Image.fromarray(GREY).convert(mode).save(path)
    except (OSError, ValueError):
        pytest.skip(f"Pillow writes no {mode} {suffix}")
    np.testing.assert_allclose(read_image(path).pixels[0] * 255, GREY, atol=1.01)


def test_a_grey_gif_reads_as_stored(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "f.gif")
    np.testing.assert_allclose(read_image(tmp_path / "f.gif").pixels[0] * 255, GREY, atol=1e-4)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_the_smallest_depth_that_holds_the_image_is_white(tmp_path, bits):
    white = 2**bits - 1
    values = np.array([[0, white // 2], [white, 1]], dtype=np.uint16)
    write_png(values, tmp_path / "f.png")
    read = read_image(tmp_path / "f.png")
    np.testing.assert_allclose(read.pixels[0], values / white, atol=1e-6)
    assert f"{bits} bits of grey" in read.steps


def test_transparency_lies_on_black(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[..., :3] = 200
    rgba[0, :, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "f.png")
    pixels = read_image(tmp_path / "f.png").pixels[0]
    np.testing.assert_allclose(pixels, [[200 / 255] * 2, [0, 0]], atol=1e-6)


def test_exif_orientation_is_obeyed(tmp_path):
    image = Image.fromarray(np.kron(GREY, np.ones((8, 8), np.uint8)))
    exif = image.getexif()
    exif[274] = 3  # upside down
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image.save(tmp_path / "plain.jpg", quality=95)
    turned, plain = (read_image(tmp_path / f"{n}.jpg").pixels[0] for n in ("turned", "plain"))
    np.testing.assert_array_equal(turned, plain[::-1, ::-1])


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    write_png(GREY, tmp_path / "f.png")
    monkeypatch.setattr(image, "MAX_PIXELS", 47)
    with pytest.raises(UnreadableImage, match="8 x 6 pixels; at most 47"):
        read_image(tmp_path / "f.png")


def test_several_pages_are_refused(tmp_path):
    page = Image.fromarray(GREY)
    page.save(tmp_path / "f.tif", save_all=True, append_images=[page])
    with pytest.raises(UnreadableImage, match="several frames"):
        read_image(tmp_path / "f.tif")
