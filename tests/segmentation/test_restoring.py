"""A mask cleaned small and then restored is the one restored first and cleaned at full size."""

import numpy as np
import pytest
from PIL import Image
from skimage.measure import label

from isnet_cxr.data.learning.preprocess import resize, restore_map
from isnet_cxr.segmentation.postprocess import clean_mask
from isnet_cxr.segmentation.restoring import restore_lungs

SIDE, THRESHOLD = 128, 0.5


@pytest.fixture
def probabilities():
    """Two lungs with soft outlines, a hole in one, and two specks beside them."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    plane = np.zeros((SIDE, SIDE), np.float32)
    for middle, height, width in ((36, 46, 18), (90, 42, 20)):
        inside = 1 - ((rows - 64) / height) ** 2 - ((columns - middle) / width) ** 2
        plane = np.maximum(plane, 1 / (1 + np.exp(-6 * inside)))
    plane[50:54, 30:34] = 0.1  # a vessel seen end-on
    plane[2:6, 60:66] = plane[120:123, 4:9] = 0.9
    return plane.astype(np.float32)


def restored(plane, *, height, width, threshold=THRESHOLD):
    cleaned = clean_mask((plane >= threshold).astype(np.uint8))
    return restore_lungs(plane, cleaned, threshold=threshold, height=height, width=width)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("size", [(1024, 1024), (700, 513), (300, 2000), (128, 128)])
def test_it_is_what_cleaning_at_full_size_gives(probabilities, size):
    height, width = size
    plane = resize(probabilities, height=round(SIDE * min(1, height / width)), width=SIDE)
    interpolated = resize_back(plane, height, width)
    expected = clean_mask((interpolated >= THRESHOLD).astype(np.uint8))
    found = restored(plane, height=height, width=width)
    assert found.dtype == np.uint8
    assert dice(found, expected) > 0.999
    assert label(found, connectivity=1).max() == 2, "no speck comes back"
    np.testing.assert_array_equal(clean_mask(found), found)


def resize_back(plane, height, width):
    image = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)


@pytest.mark.parametrize("place", [(0, 0), (40, 90), (110, 100)])
def test_the_box_that_is_interpolated_changes_nothing(place):
    """As if all of the image had been interpolated, wherever the lungs lie."""
    plane = np.zeros((SIDE, SIDE), np.float32)
    top, left = place
    blob = np.random.default_rng(0).uniform(0.3, 1, (18, 28)).astype(np.float32)
    plane[top : top + 18, left : left + 28] = blob
    lungs = (plane >= THRESHOLD).astype(np.uint8)
    found = restore_lungs(plane, lungs, threshold=THRESHOLD, height=900, width=900)
    whole = restore_map(plane, height=900, width=900, nearest=False) >= THRESHOLD
    assert (found != whole).sum() <= 2, "but for rounding"


def test_small_images_and_empty_masks_have_their_size(probabilities):
    assert restored(probabilities, height=31, width=17).shape == (31, 17)
    empty = restored(probabilities, height=90, width=80, threshold=2.0)
    assert empty.shape == (90, 80)
    assert not empty.any()
