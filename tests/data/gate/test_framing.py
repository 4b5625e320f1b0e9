"""A whole chest in any usual frame passes; what was cut out of one is told by its frame."""

import numpy as np
import pytest

from isnet_cxr.data.gate.framing import judge_framing, measure_framing
from isnet_cxr.data.gate.verdict import DOUBTFUL
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, prepare_mask, to_bytes

ABOVE, BELOW = "lungs run out of the image above", "lungs run out of the image below"


def film(height=120, width=110):
    """A grey film with two dark lungs that reach no edge, and its mask."""
    rows, columns = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    mask = np.zeros((height, width), dtype=np.uint8)
    for middle in (0.3, 0.7):
        mask |= ((rows - 0.5) / 0.35) ** 2 + ((columns - middle) / 0.14) ** 2 < 1
    return np.where(mask, 0.2, 0.6 + 0.2 * rows).astype(np.float32), mask


def prepared(pixels, mask, size_px):
    square = prepare_image(pixels[np.newaxis], Preprocessing(size_px=size_px))
    return to_bytes(square[0]), prepare_mask(mask, size_px)


def reasons(pixels, mask, size_px=64):
    return [one.reason for one in judge_framing(*prepared(pixels, mask, size_px))]


@pytest.mark.parametrize("size_px", [64, 96, 128, 256])
@pytest.mark.parametrize("shape", [(120, 120), (120, 90), (90, 140)])
def test_a_whole_chest_passes_in_any_usual_frame_and_size(shape, size_px):
    assert reasons(*film(*shape), size_px) == []


@pytest.mark.parametrize("size_px", [64, 128, 256])
def test_halves_and_thirds_are_doubtful(size_px):
    pixels, mask = film()
    height, width = mask.shape
    for part in (
        np.s_[:, : width // 2], np.s_[:, width // 2 :], np.s_[: height // 3],
        np.s_[-height // 3 :], np.s_[:, : width // 3], np.s_[height // 3 : 2 * height // 3],
    ):  # fmt: skip
        found = judge_framing(*prepared(pixels[part], mask[part], size_px))
        assert {one.verdict for one in found} == {DOUBTFUL}, part


@pytest.mark.parametrize("size_px", [64, 128])
def test_lungs_that_are_cut_are_told_in_a_frame_of_usual_shape(size_px):
    pixels, mask = film()
    assert reasons(pixels[:70], mask[:70], size_px) == [BELOW]
    assert reasons(pixels[50:], mask[50:], size_px) == [ABOVE]
    assert reasons(pixels[::-1][:70], mask[::-1][:70], size_px) == [BELOW]


@pytest.mark.parametrize("size_px", [128, 192, 256])
@pytest.mark.parametrize("below", [False, True])
def test_lungs_close_to_the_frame_are_not_cut_and_lungs_on_it_are(size_px, below):
    image = np.full((size_px, size_px), 99, dtype=np.uint8)
    for gap, cut in ((0, True), (1, False), (size_px // 32, False)):
        mask = np.zeros_like(image)
        mask[gap : size_px // 2, size_px // 4 : size_px // 2] = 1
        mask[gap : size_px // 2, 5 * size_px // 8 : 3 * size_px // 4] = 1
        found = judge_framing(image, mask[::-1] if below else mask)
        assert [one.reason for one in found] == ([BELOW if below else ABOVE] if cut else [])


def test_black_borders_change_nothing():
    square, mask = prepared(*film(), 96)
    plain = measure_framing(square, mask)
    assert measure_framing(np.pad(square, 96), np.pad(mask, 96)).aspect == plain.aspect


def test_the_frame_is_judged_without_a_mask_too():
    pixels, mask = film()
    assert judge_framing(prepared(pixels, mask, 64)[0], None) == []
    half = prepared(pixels[:, :50], mask[:, :50], 64)[0]
    assert [one.verdict for one in judge_framing(half, None)] == [DOUBTFUL]
    black = np.zeros((64, 64), dtype=np.uint8)
    assert judge_framing(black, black) == []
