"""Masks that stand beside their images are found out, whatever draws the edges off by itself."""

import numpy as np
import pytest

from isnet_cxr.data.phantoms import HOSPITALS, make_hospital
from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_mask
from isnet_cxr.segmentation.alignment import best_offset, edge_agreement, measure_offset, moved


def disc(shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    rows, columns = np.mgrid[:120, :100]
    return np.hypot(rows - 60 - shift[0], columns - 50 - shift[1]) < 25


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-4, 1)])
def test_a_moved_mask_is_moved_back(shift):
    image = np.where(disc(), 0.2, 0.7).astype(np.float32)
    agreement = edge_agreement(image, disc(shift).astype(np.uint8))
    row, column = best_offset(agreement)
    assert (row, column) == pytest.approx((-shift[0], -shift[1]), abs=0.05)
    assert agreement.max() == pytest.approx(1, abs=0.02)


def test_an_inverted_image_agrees_nowhere():
    image = np.where(disc(), 0.7, 0.2).astype(np.float32)
    assert edge_agreement(image, disc().astype(np.uint8), reach_px=2).max() < 0


def test_the_offset_between_two_datasets_is_that_of_their_masks(tmp_path):
    images = make_hospital(
        HOSPITALS["oakdale"], tmp_path, counts={"normal": 6}, seed=5, suffix="png"
    )
    moved = images.copy()
    for row, path in images["lung_mask"].items():
        mask = np.roll(read_mask(tmp_path / path), (3, -4), axis=(0, 1))
        moved.loc[row, "lung_mask"] = str(tmp_path / f"moved-{row}.png")
        write_mask(mask, tmp_path / f"moved-{row}.png")
    one, other = (measure_offset(rows, progress=False) for rows in (images, moved))
    step = 200 / max(mask.shape)
    assert other["row_px"] - one["row_px"] == pytest.approx(-3 * step, abs=0.4)
    assert other["column_px"] - one["column_px"] == pytest.approx(4 * step, abs=0.4)
    assert one["row_ci95"][0] <= one["row_px"] <= one["row_ci95"][1]


def test_images_without_masks_are_refused(tmp_path):
    images = make_hospital(HOSPITALS["oakdale"], tmp_path, counts={"normal": 1}, seed=5)
    with pytest.raises(ValueError, match="no image"):
        measure_offset(images.assign(lung_mask=""), progress=False)


def test_a_mask_is_moved_by_parts_of_its_side():
    mask = disc().astype(np.uint8)
    step = 120 / 200
    assert np.array_equal(moved(mask, (3 / step, -4 / step)), disc((3, -4)))
    assert moved(mask, (0.0, 0.0)) is mask
    assert not moved(mask, (0.0, 300.0)).any()
