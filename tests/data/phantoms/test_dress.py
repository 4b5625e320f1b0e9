"""Marks and borders are visible, stand where they should and leave the lungs alone."""

import numpy as np
import pytest

from isnet_cxr.data.phantoms.dress import Border, Look, Mark, dress_image

SPACING_MM = 1.3


@pytest.fixture
def image():
    return np.full((290, 270), 0.4, np.float32)


@pytest.fixture
def mask():
    lungs = np.zeros((290, 270), bool)
    lungs[60:230, 40:120] = lungs[60:230, 150:230] = True
    return lungs


def _dress(image, mask, look):
    return dress_image(image, mask, look, spacing_mm=SPACING_MM, rng=np.random.default_rng(0))


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
@pytest.mark.parametrize("style", ["lead", "label", "disc"])
def test_a_mark_shows_in_its_corner_only(image, mask, corner, style):
    dressed, _ = _dress(image, mask, Look(marks=(Mark("R", corner, 12, style),)))
    rows, columns = np.nonzero(np.abs(dressed - image) > 0.1)
    assert rows.size > 15
    assert np.all((rows < 60) == corner.startswith("top"))
    assert np.all((columns < 135) == corner.endswith("left"))


def test_marks_never_paint_over_lung(image):
    everywhere = np.ones(image.shape, bool)
    dressed, _ = _dress(image, everywhere, Look(marks=(Mark("PORTABLE", "top left", 20, "label"),)))
    np.testing.assert_array_equal(dressed, image)


@pytest.mark.parametrize("soft_mm", [0.0, 1.5])
def test_a_border_frames_the_image_and_moves_the_mask_with_it(image, mask, soft_mm):
    look = Look(border=Border((5, 9), 1.0, soft_mm=soft_mm, sides=("top", "left")))
    framed, moved = _dress(image, mask, look)
    down, right = framed.shape[0] - image.shape[0], framed.shape[1] - image.shape[1]
    for width_px in (down, right):
        assert 5 - 1 <= width_px * SPACING_MM <= 9 + 1
    assert framed[0].min() > 0.9
    assert framed[-1, -1] == pytest.approx(0.4)
    np.testing.assert_array_equal(moved[down:, right:], mask)
    np.testing.assert_array_equal(framed[moved], image[mask])


def test_a_bare_look_changes_nothing(image, mask):
    dressed, same = _dress(image, mask, Look())
    np.testing.assert_array_equal(dressed, image)
    np.testing.assert_array_equal(same, mask)
