"""Marks beside the lungs touch the outline of each image's own lungs and never cover a lung."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from isnet_cxr.data.bias import BESIDE_LUNGS
from isnet_cxr.data.bias.shapes import mark_shape, mark_size

SIDE, COUNT = 64, 5
SIZE = mark_size(SIDE)


def ellipses(seed: int, n: int = 1) -> np.ndarray:
    """Two ellipses of random place and size in each of ``n`` masks, (n, S, S)."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    masks = np.zeros((n, SIDE, SIDE), np.uint8)
    for mask in masks:
        for middle in (SIDE / 3, 2 * SIDE / 3):
            row, column = SIDE / 2 + generator.normal(0, 5), middle + generator.normal(0, 4)
            high, wide = generator.uniform(5, 24), generator.uniform(4, 12)
            mask[np.hypot((rows - row) / high, (columns - column) / wide) < 1] = 1
    return masks


def mark_on(mask: np.ndarray, number: int, test: str = "biased") -> np.ndarray:
    image = np.zeros((1, SIDE, SIDE), np.uint8)
    stamped = BESIDE_LUNGS.stamp(image, mask[None], np.array([number]), test=test, count=COUNT)
    return stamped[0] != 0


@given(seed=st.integers(0, 10_000), number=st.integers(0, COUNT - 1))
@settings(max_examples=60)
def test_a_mark_touches_the_outline_from_outside(seed, number):
    mask = ellipses(seed)[0]
    mark = mark_on(mask, number)
    assert mark.any()
    assert not (mark & (mask != 0)).any()
    assert distance_transform_edt(mask == 0)[mark].min() < 1.5


@given(seed=st.integers(0, 10_000), number=st.integers(0, COUNT - 1))
@settings(max_examples=40)
def test_the_same_class_has_the_same_whole_shape_wherever_it_stands(seed, number):
    mark = mark_on(ellipses(seed)[0], number)
    rows, columns = np.nonzero(mark)
    cut = mark[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert cut.shape == (SIZE, SIZE)
    np.testing.assert_array_equal(cut, mark_shape(number, SIZE))


@given(seed=st.integers(0, 10_000), number=st.integers(0, COUNT - 1))
@settings(max_examples=40)
def test_a_deceiving_mark_is_not_the_true_one(seed, number):
    mask = ellipses(seed)[0]
    assert (mark_on(mask, number) != mark_on(mask, number, "deceiving")).any()
    assert not mark_on(mask, number, "unbiased").any()


def test_marks_follow_each_images_own_lungs():
    masks = ellipses(3, n=4)
    images, classes = np.zeros_like(masks), np.zeros(4, dtype=np.int64)
    together = BESIDE_LUNGS.stamp(images, masks, classes, test="biased", count=COUNT) != 0
    for mark, mask in zip(together, masks, strict=True):
        np.testing.assert_array_equal(mark, mark_on(mask, 0))
    assert len({mark.tobytes() for mark in together}) > 1


@pytest.mark.parametrize("value", [0, 1])
def test_an_image_without_lungs_or_without_room_gets_no_mark(value):
    assert not mark_on(np.full((SIDE, SIDE), value, np.uint8), 0).any()
