"""Marks in the corners are small and stay there, with and without lungs."""

import numpy as np

from isnet_cxr.data.bias import CORNERS

IMAGES = np.full((4, 128, 128), 90, np.uint8)


def test_marks_are_small_and_stay_in_the_corners():
    nothing = np.zeros_like(IMAGES)
    stamped = CORNERS.stamp(IMAGES, nothing, np.arange(4), test="biased", count=4)
    marks = stamped != IMAGES
    assert 0 < marks.mean() < 0.01
    assert not marks[:, 24:104].any()
    assert not marks[:, :, 24:104].any()
