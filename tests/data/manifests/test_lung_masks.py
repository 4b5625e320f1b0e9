import numpy as np
import pytest

from isnet_cxr.data.manifests.lung_masks import read_lung_mask
from isnet_cxr.data.readers import UnreadableImage
from isnet_cxr.data.writers import write_mask

LEFT, RIGHT = np.eye(6, 4, dtype=np.uint8), np.eye(6, 4, k=1, dtype=np.uint8)


@pytest.fixture
def files(tmp_path):
    write_mask(LEFT, tmp_path / "left.png")
    write_mask(RIGHT, tmp_path / "right.png")
    return tmp_path / "left.png", tmp_path / "right.png"


def test_a_single_mask_of_the_images_size_stays(files):
    mask, fits = read_lung_mask(files[:1], height=6, width=4)
    assert fits
    np.testing.assert_array_equal(mask, LEFT)


def test_a_pixel_is_lung_if_either_mask_says_so(files):
    mask, fits = read_lung_mask(files, height=6, width=4)
    assert not fits
    np.testing.assert_array_equal(mask, LEFT | RIGHT)


def test_a_small_copy_grows_to_the_image(files):
    mask, fits = read_lung_mask(files[:1], height=18, width=12)
    assert not fits
    np.testing.assert_array_equal(mask, np.kron(LEFT, np.ones((3, 3), np.uint8)))


def test_the_rounding_of_a_small_copy_is_no_other_shape(tmp_path):
    write_mask(np.eye(256), tmp_path / "m.png")
    mask, _ = read_lung_mask([tmp_path / "m.png"], height=299, width=300)
    assert mask.shape == (299, 300)
    assert mask.any(axis=0).all()


def test_lungs_that_fill_the_image_are_refused(tmp_path):
    write_mask(np.ones((6, 4)), tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="one value everywhere, which is not black"):
        read_lung_mask([tmp_path / "m.png"], height=6, width=4)


@pytest.mark.parametrize(
    ("height", "width", "reason"),
    [(4, 6, "lung mask of 6 x 4 px, image of 4 x 6 px"), (6, 5, "lung mask of 6 x 4 px, image")],
)
def test_a_mask_of_other_proportions_is_refused(files, height, width, reason):
    with pytest.raises(UnreadableImage, match=reason):
        read_lung_mask(files, height=height, width=width)


def test_masks_without_lung_are_refused(tmp_path):
    write_mask(np.zeros((6, 4)), tmp_path / "m.png")
    with pytest.raises(UnreadableImage, match="lung mask is empty"):
        read_lung_mask([tmp_path / "m.png"], height=6, width=4)


def test_a_mask_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UnreadableImage, match="lung mask: no such file"):
        read_lung_mask([tmp_path / "m.png"], height=6, width=4)
