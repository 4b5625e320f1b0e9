"""What every bias test of class marks keeps: own shapes, true and deceiving, originals as given."""

import numpy as np
import pytest

from isnet_cxr.data.bias import BIAS_TESTS, CLASS_MARK_TESTS, BiasTest
from isnet_cxr.data.bias.shapes import mark_shape
from isnet_cxr.data.errors import InputError

SIDE = 128
IMAGES = np.full((6, SIDE, SIDE), 90, np.uint8)
CLASSES = np.array([0, 1, 2, 0, 1, 2])
BOTH = pytest.mark.parametrize("name", ["corners", "beside_lungs"])


def lungs() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    left = np.hypot((rows - 60) / 1.6, columns - 42) < 20
    right = np.hypot((rows - 64) / 1.7, columns - 88) < 22
    return np.repeat((left | right)[None].astype(np.uint8), 6, axis=0)


def changed(name: str, test: str) -> np.ndarray:
    stamp = BIAS_TESTS[name].stamp
    return stamp(IMAGES, lungs(), CLASSES, test=test, count=3) != IMAGES


@BOTH
def test_every_class_has_its_own_mark_at_its_own_place(name):
    marks = changed(name, "biased")
    assert np.array_equal(marks[:3], marks[3:])
    assert marks.any(axis=(1, 2)).all()
    assert not (marks[0] & marks[1]).any()
    assert not (marks[1] & marks[2]).any()
    assert not (marks[0] & marks[2]).any()


@BOTH
def test_deceiving_marks_are_another_classs(name):
    np.testing.assert_array_equal(changed(name, "deceiving")[0], changed(name, "biased")[1])
    np.testing.assert_array_equal(changed(name, "deceiving")[2], changed(name, "biased")[0])


@BOTH
def test_unbiased_images_are_as_they_were(name):
    assert not changed(name, "unbiased").any()


@BOTH
def test_the_images_given_are_left_as_they_are(name):
    before = IMAGES.copy()
    BIAS_TESTS[name].stamp(IMAGES, lungs(), CLASSES, test="biased", count=3)
    np.testing.assert_array_equal(IMAGES, before)


@BOTH
def test_a_class_without_a_mark_is_refused(name):
    with pytest.raises(ValueError, match=r"classes must lie in 0\.\.1, got up to 2"):
        BIAS_TESTS[name].stamp(IMAGES, lungs(), CLASSES, test="biased", count=2)


@BOTH
def test_an_unknown_test_is_named_with_the_near_miss(name):
    with pytest.raises(InputError, match=r"'deceivin'.*did you mean 'deceiving'"):
        BIAS_TESTS[name].stamp(IMAGES, lungs(), CLASSES, test="deceivin", count=3)


@BOTH
def test_no_images_are_no_error(name):
    none = IMAGES[:0]
    stamped = BIAS_TESTS[name].stamp(none, none, CLASSES[:0], test="biased", count=3)
    assert stamped.shape == none.shape


def test_six_classes_have_six_shapes():
    assert len({mark_shape(number, 10).tobytes() for number in range(6)}) == 6


def test_development_is_one_of_the_tests():
    stamp = BIAS_TESTS["corners"].stamp
    with pytest.raises(ValueError, match="development must be one of"):
        BiasTest("t", "d", CLASS_MARK_TESTS, "true", stamp)
