import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label

from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_mask
from isnet_cxr.segmentation.postprocess import clean_mask

masks = arrays(
    np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.integers(0, 1)
)


@pytest.fixture
def two_lungs():
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[10:50, 10:30] = 1
    mask[12:48, 50:70] = 1
    return mask


def test_two_lungs_stay_as_they_are(two_lungs):
    np.testing.assert_array_equal(clean_mask(two_lungs), two_lungs)


def test_specks_go_and_holes_close(two_lungs):
    spotted = two_lungs.copy()
    spotted[0:3, 0:3] = 1  # a dark corner
    spotted[55:58, 38:44] = 1  # gas in the stomach
    spotted[20:25, 15:20] = 0  # a vessel seen end-on
    np.testing.assert_array_equal(clean_mask(spotted), two_lungs)


def test_the_mediastinum_between_touching_lungs_stays_open(two_lungs):
    touching = two_lungs.copy()
    touching[12:15, 30:50] = 1
    touching[44:47, 30:50] = 1
    np.testing.assert_array_equal(clean_mask(touching), touching)


def test_a_bay_open_to_the_edge_of_the_image_is_no_hole(two_lungs):
    cropped = two_lungs[:, 10:]
    cropped[20:24, 0:3] = 0
    np.testing.assert_array_equal(clean_mask(cropped), cropped)


@settings(max_examples=50)
@given(masks)
def test_at_most_two_regions_are_left_and_nothing_but_holes_is_added(mask):
    cleaned = clean_mask(mask)
    assert cleaned.shape == mask.shape
    assert label(cleaned, connectivity=1).max() <= 2
    assert cleaned.any() == mask.any() or mask.mean() > 0.3, "but for one of most of the image"


@settings(max_examples=50)
@given(masks)
def test_cleaning_twice_changes_nothing(mask):
    cleaned = clean_mask(mask)
    np.testing.assert_array_equal(clean_mask(cleaned), cleaned)


@settings(max_examples=50)
@given(masks)
def test_cleaning_commutes_with_mirroring(mask):
    areas = np.bincount(label(mask, connectivity=1).ravel())[1:]
    if len(set(areas)) == len(areas):  # equal regions are chosen by position
        np.testing.assert_array_equal(clean_mask(mask[:, ::-1]), clean_mask(mask)[:, ::-1])


def test_a_mask_of_most_of_the_image_becomes_empty_and_can_be_read(tmp_path):
    """Of a network that learned little: the study's own files must not stop it."""
    mask = np.ones((60, 50), np.uint8)
    mask[:6] = 0
    cleaned = clean_mask(mask)
    assert not cleaned.any()
    write_mask(cleaned, tmp_path / "mask.png")
    assert not read_mask(tmp_path / "mask.png").any()
    assert clean_mask(mask * (np.arange(50) < 40).astype(np.uint8)).any(), "two thirds are kept"
