import numpy as np
import pytest

from isnet_cxr.data.learning.preprocess import (
    Preprocessing,
    prepare_image,
    prepare_mask,
    restore_map,
)


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.linspace(0, 0.6, 300), np.linspace(0.1, 0.3, 200))
    return (smooth + 0.1 * rng.random((300, 200))).astype(np.float32)[None]


@pytest.mark.parametrize("exposure", ["none", "centre", "equalise"])
def test_values_are_whole_1_255_in_a_square(image, exposure):
    square = prepare_image(image, Preprocessing(64, exposure))
    assert square.shape == (1, 64, 64)
    assert square.dtype == np.float32
    whole = np.round(square * 255).astype(np.uint8)
    np.testing.assert_array_equal(whole.astype(np.float32) / np.float32(255), square)


def test_aspect_is_kept_and_the_rest_is_black(image):
    square = prepare_image(image, Preprocessing(60, "none"))[0]
    assert (square[:, :10] == 0).all()
    assert (square[:, 50:] == 0).all()
    assert (square[:, 10:50] > 0).all()


@pytest.mark.parametrize("exposure", ["centre", "equalise"])
def test_borders_and_markers_cannot_move_the_grey_of_the_centre(image, exposure):
    marked = image.copy()
    marked[:, :20], marked[:, :, :15], marked[:, -30:, -25:] = 1.0, 0.0, 1.0
    settings = Preprocessing(75, exposure)
    plain, other = (prepare_image(pixels, settings)[0] for pixels in (image, marked))
    np.testing.assert_array_equal(plain[15:60, 25:50], other[15:60, 25:50])


@pytest.mark.parametrize("exposure", ["centre", "equalise"])
def test_exposure_is_undone(image, exposure):
    settings = Preprocessing(64, exposure)
    plain, other = (prepare_image(pixels, settings) for pixels in (image, 0.4 * image + 0.3))
    np.testing.assert_allclose(plain, other, atol=0.03)


def test_a_blank_image_stays_finite():
    for exposure in ("none", "centre", "equalise"):
        assert np.isfinite(
            prepare_image(np.zeros((1, 5, 9), np.float32), Preprocessing(16, exposure))
        ).all(), exposure


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_any_shape_fits(shape):
    assert prepare_image(np.ones((1, *shape), np.float32), Preprocessing(16)).shape == (1, 16, 16)


@pytest.mark.parametrize("shape", [(301, 200), (200, 301), (64, 64), (30, 20)])
def test_mask_keeps_its_share_and_comes_back(shape):
    rows, columns = np.indices(shape) / np.array(shape)[:, None, None]
    mask = ((rows - 0.6) ** 2 + (columns - 0.3) ** 2 < 0.04).astype(np.uint8)
    square = prepare_mask(mask, 128)
    assert set(np.unique(square)) == {0, 1}
    back = restore_map(square, height=shape[0], width=shape[1], nearest=True)
    assert (back == mask).mean() > 0.985


def test_image_and_mask_stay_on_each_other():
    mask = np.zeros((310, 200), np.uint8)
    mask[40:150, 20:90] = 1
    image = prepare_image(mask.astype(np.float32)[None], Preprocessing(64, "none"))[0]
    np.testing.assert_array_equal(image >= 0.5, prepare_mask(mask, 64).astype(bool))


def test_settings_are_checked(image):
    with pytest.raises(ValueError, match="size_px: expected at least 1, got 0"):
        Preprocessing(size_px=0)
    with pytest.raises(ValueError, match="exposure must be one of none, centre, equalise, got 'x'"):
        Preprocessing(exposure="x")
    with pytest.raises(ValueError, match=r"pixels must be \(1, H, W\)"):
        prepare_image(image[0], Preprocessing())
