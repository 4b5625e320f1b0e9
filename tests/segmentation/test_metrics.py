import math

import numpy as np
import pytest
import torch

from isnet_cxr.segmentation.metrics import dice_of_batch, measure_overlap


def square(top, left, *, size=10, shape=(40, 60)):
    mask = np.zeros(shape, dtype=np.uint8)
    mask[top : top + size, left : left + size] = 1
    return mask


def test_a_mask_agrees_with_itself():
    overlap = measure_overlap(square(5, 5), square(5, 5), spacing_mm=(0.5, 0.5))
    assert (overlap.dice, overlap.hd95_px, overlap.hd95_mm) == (1, 0, 0)


def test_half_a_square_has_dice_two_thirds():
    half = square(5, 5)
    half[:, 10:] = 0
    overlap = measure_overlap(half, square(5, 5), spacing_mm=None)
    assert overlap.dice == pytest.approx(2 * 50 / 150)
    assert math.isnan(overlap.hd95_mm)


@pytest.mark.parametrize(
    ("top", "left", "px", "mm"), [(8, 5, 3, 6.0), (5, 8, 3, 1.5), (5, 9, 4, 2.0)]
)
def test_distance_of_a_shifted_square_is_the_shift(top, left, px, mm):
    shifted = square(top, left)
    overlap = measure_overlap(shifted, square(5, 5), spacing_mm=(2.0, 0.5))
    assert overlap.hd95_px == pytest.approx(px)
    assert overlap.hd95_mm == pytest.approx(mm)


def test_a_far_speck_hardly_moves_the_95th_percentile():
    specked = square(5, 5, size=20)
    specked[39, 59] = 1
    overlap = measure_overlap(specked, square(5, 5, size=20), spacing_mm=None)
    assert overlap.hd95_px == 0


def test_distance_is_symmetric():
    one, other = square(5, 5), square(9, 14, size=12)
    forth = measure_overlap(one, other, spacing_mm=(0.2, 0.3))
    back = measure_overlap(other, one, spacing_mm=(0.2, 0.3))
    assert forth.dice == pytest.approx(back.dice)
    assert forth.hd95_mm == pytest.approx(back.hd95_mm)


def test_an_empty_prediction_is_as_far_off_as_the_diagonal():
    overlap = measure_overlap(
        np.zeros((30, 40), np.uint8), square(5, 5, shape=(30, 40)), spacing_mm=(2, 2)
    )
    assert (overlap.dice, overlap.hd95_px, overlap.hd95_mm) == (0, 50, 100)


def test_an_empty_reference_is_an_error():
    with pytest.raises(ValueError, match="reference mask has no lung pixel"):
        measure_overlap(square(5, 5), np.zeros((40, 60), np.uint8), spacing_mm=None)


def test_another_size_is_an_error():
    with pytest.raises(
        ValueError, match=r"must be \(40, 60\) px like its reference, got \(60, 40\)"
    ):
        measure_overlap(square(5, 5).T, square(5, 5), spacing_mm=None)


def test_dice_of_a_batch_is_the_dice_of_each_image():
    one, other = square(5, 5), square(8, 5)
    batch = torch.from_numpy(np.stack([one, other, one * 0]))[:, None]
    reference = torch.from_numpy(np.stack([one, one, one * 0]))[:, None]
    torch.testing.assert_close(dice_of_batch(batch, reference), torch.tensor([1.0, 0.7, 1.0]))
