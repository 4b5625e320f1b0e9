import numpy as np
import pytest

from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.readers.jsrt import SIZE_PX


@pytest.fixture
def raw_image(tmp_path):
    def write(values):
        path = tmp_path / "JPCNN001.IMG"
        np.asarray(values).astype(">u2").tofile(path)
        return path

    return write


def test_a_raw_image_is_inverted_and_upright(raw_image):
    density = np.zeros((SIZE_PX, SIZE_PX), np.uint16)
    density[0, -1] = 4095  # the darkest spot of the image: top right
    image = read_image(raw_image(density))
    assert image.pixels.shape == (1, SIZE_PX, SIZE_PX)
    assert image.pixels[0, 0, -1] == 0
    assert np.unique(image.pixels).tolist() == [0, 1]
    assert image.spacing_mm == (0.175, 0.175)


def test_an_image_of_another_size_is_refused(raw_image):
    with pytest.raises(UnreadableImage, match="8,388,608 bytes expected, got 8"):
        read_image(raw_image([1, 2, 3, 4]))


def test_values_of_more_than_12_bits_are_refused(raw_image):
    with pytest.raises(UnreadableImage, match="values above 4095"):
        read_image(raw_image(np.full((SIZE_PX, SIZE_PX), 4096)))
