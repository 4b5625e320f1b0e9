"""Masks that no frontal chest has are told; a hidden lung is not held against an image."""

import numpy as np
import pytest

from isnet_cxr.data.gate.lungs import judge_lungs, measure_lungs
from isnet_cxr.data.gate.verdict import DOUBTFUL, REFUSED

SHAPE = (100, 80)
BRIGHT = np.full(SHAPE, 200, dtype=np.uint8)


def mask_of(*boxes):
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for rows, columns in boxes:
        mask[slice(*rows), slice(*columns)] = 1
    return mask


RIGHT, LEFT = ((20, 80), (10, 30)), ((20, 80), (50, 70))
MIDDLE = ((20, 80), (25, 55))


def test_two_lungs_are_measured():
    lungs = measure_lungs(BRIGHT, mask_of(RIGHT, LEFT))
    assert (lungs.area, lungs.balance) == pytest.approx((0.3, 1.0))
    assert (lungs.between, lungs.off_middle) == pytest.approx((0.5, 0.0))
    assert judge_lungs(BRIGHT, mask_of(RIGHT, LEFT)) == []


def test_black_borders_do_not_count():
    image, mask = np.pad(BRIGHT, 50), np.pad(mask_of(RIGHT), 50)
    assert measure_lungs(image, mask) == measure_lungs(BRIGHT, mask_of(RIGHT))


def test_one_lung_aside_passes_and_one_in_the_middle_is_doubtful():
    assert judge_lungs(BRIGHT, mask_of(RIGHT)) == []
    assert [one.verdict for one in judge_lungs(BRIGHT, mask_of(MIDDLE))] == [DOUBTFUL]


def test_one_lung_that_is_wider_than_half_of_the_image_is_doubtful():
    aside = ((20, 80), (0, 42))
    assert measure_lungs(BRIGHT, mask_of(aside)).width == pytest.approx(42 / 80)
    assert [one.verdict for one in judge_lungs(BRIGHT, mask_of(aside))] == [DOUBTFUL]


def test_two_lungs_with_nothing_between_are_doubtful():
    above, below = ((10, 45), (20, 60)), ((50, 90), (20, 60))
    assert [one.verdict for one in judge_lungs(BRIGHT, mask_of(above, below))] == [DOUBTFUL]


def test_no_lungs_are_refused():
    for mask in (mask_of(), mask_of(((0, 5), (0, 5)))):
        assert [one.verdict for one in judge_lungs(BRIGHT, mask)] == [REFUSED]
