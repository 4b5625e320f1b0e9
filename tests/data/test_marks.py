"""Class-coded marks: each class its own, in the background, telling the truth or lying."""

import numpy as np
import pytest

from isnet_cxr.data.marks import mark_shape, stamp_marks

IMAGES = np.full((6, 128, 128), 90, np.uint8)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def changed(test):
    return stamp_marks(IMAGES, CLASSES, test=test) != IMAGES


def test_every_class_has_its_own_mark():
    marks = changed("biased")
    assert np.array_equal(marks[:3], marks[3:])
    assert not (marks[0] & marks[1]).any()
    assert not (marks[1] & marks[2]).any()
    shapes = [mark_shape(number, 10) for number in range(6)]
    assert len({shape.tobytes() for shape in shapes}) == 6


def test_lying_marks_are_another_classs():
    np.testing.assert_array_equal(changed("deceiving")[0], changed("biased")[1])
    np.testing.assert_array_equal(changed("deceiving")[2], changed("biased")[0])


def test_marks_are_small_and_stay_in_the_corners():
    marks = changed("biased").any(axis=0)
    assert changed("biased").mean() < 0.01
    assert not marks[24:104].any()
    assert not marks[:, 24:104].any()


def test_images_are_left_as_they_are():
    before = IMAGES.copy()
    stamp_marks(IMAGES, CLASSES, test="biased")
    np.testing.assert_array_equal(IMAGES, before)


def test_a_class_without_a_mark_is_refused():
    with pytest.raises(ValueError, match=r"classes must lie in 0\.\.1, got up to 2"):
        stamp_marks(IMAGES, CLASSES, test="biased", count=2)
