import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_mask
from isnet_cxr.segmentation.score import score_masks, summarise_scores


@pytest.fixture
def reference(write_images):
    return write_images({"test": 3})


@pytest.fixture
def predicted(reference, tmp_path):
    """Shift every reference mask down by one pixel."""
    moved = reference.assign(
        lung_mask=[str(tmp_path / f"{image}.png") for image in reference["image_id"]],
        mask_source="predicted",
        mask_quality="good",
    )
    for source, target in zip(reference["lung_mask"], moved["lung_mask"], strict=True):
        write_mask(np.roll(read_mask(Path(source)), 1, axis=0), Path(target))
    return moved


def test_a_reference_scores_full_marks_against_itself(reference):
    scores = score_masks(reference, reference)
    assert scores["dice"].tolist() == [1, 1, 1]
    assert scores["hd95_mm"].tolist() == [0, 0, 0]


def test_a_shift_of_one_pixel_is_a_distance_of_its_height(reference, predicted):
    scores = score_masks(predicted, reference)
    assert scores["hd95_px"].tolist() == pytest.approx([1, 1, 1])
    assert scores["hd95_mm"].tolist() == pytest.approx([2, 2, 2])
    assert (scores["dice"] < 1).all()


def test_millimetres_are_averaged_where_spacing_is_known(reference, predicted):
    reference.loc[0, ["spacing_row_mm", "spacing_col_mm"]] = math.nan
    summary = summarise_scores(score_masks(predicted, reference))
    assert (summary["n"], summary["n_mm"]) == (3, 2)
    assert summary["hd95_mm"] == pytest.approx(2)


def test_millimetres_are_none_where_no_spacing_is_known(reference, predicted):
    reference[["spacing_row_mm", "spacing_col_mm"]] = math.nan
    assert summarise_scores(score_masks(predicted, reference))["hd95_mm"] is None


def test_images_without_reference_are_left_out(reference, predicted):
    assert len(score_masks(predicted, reference.iloc[:2])) == 2


def test_nothing_in_common_is_an_error(reference, predicted):
    with pytest.raises(ValueError, match="no image of the predicted manifest"):
        score_masks(predicted.iloc[:1], reference.iloc[1:])


def test_a_mask_of_another_size_names_the_image(reference, predicted, tmp_path):
    write_mask(np.eye(4, 5, dtype=np.uint8), tmp_path / f"{predicted['image_id'][1]}.png")
    with pytest.raises(ValueError, match=f"image {predicted['image_id'][1]}: mask must be"):
        score_masks(predicted, reference)


def test_an_image_without_predicted_mask_names_the_image(reference, predicted):
    predicted.loc[2, "lung_mask"] = ""
    with pytest.raises(ValueError, match=f"image {predicted['image_id'][2]}: no predicted mask"):
        score_masks(predicted, reference)


def test_flagged_masks_are_counted_by_how_good_they_are():
    scores = pd.DataFrame(
        {
            "dice": [0.5, 0.8, 0.84, 0.9, 0.96, 0.97],
            "hd95_px": 1.0,
            "hd95_mm": math.nan,
            "mask_quality": ["failed", "doubtful", "good", "doubtful", "good", "doubtful"],
        }
    )
    summary = summarise_scores(scores)
    assert (summary["n_poor"], summary["n_sound"]) == (3, 2)
    assert summary["poor_flagged"] == pytest.approx(2 / 3)
    assert summary["sound_flagged"] == pytest.approx(1 / 2)
    assert summarise_scores(scores[scores["dice"] > 0.85])["poor_flagged"] is None
