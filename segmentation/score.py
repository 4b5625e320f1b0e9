"""Scores of predicted masks against reference masks, image by image and in summary."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers import read_mask
from isnet_cxr.segmentation.alignment import NO_OFFSET, Offset, moved
from isnet_cxr.segmentation.metrics import measure_overlap
from isnet_cxr.segmentation.quality import POOR, SOUND


def score_masks(
    predicted: pd.DataFrame, reference: pd.DataFrame, *, offset: Offset = NO_OFFSET
) -> pd.DataFrame:
    """Compare the masks of two manifests at the images' full resolution.

    Args:
        predicted: Manifest with predicted masks. Images that ``reference`` does not have, or has
            no mask for, are left out.
        reference: Manifest with reference masks and, where known, spacing.
        offset: Moves the reference masks first, where they are known to stand beside their images
            (``isnet_cxr.segmentation.alignment``).

    Returns:
        One row per image that both manifests have: image_id, dataset, dice, hd95_mm (NaN where
        spacing is unknown), hd95_px, mask_quality (the verdict on the predicted mask).

    Raises:
        InputError: If no image is in both, an image has no predicted mask, or a mask has another
            size than its reference; names the image.
    """
    references = reference[reference["lung_mask"] != ""].drop_duplicates("image_id")
    pairs = references.merge(
        predicted[["image_id", "lung_mask", "mask_quality"]].drop_duplicates("image_id"),
        on="image_id",
        suffixes=("", "_predicted"),
    )
    if pairs.empty:
        raise InputError("no image of the predicted manifest has a mask in the reference manifest")
    return pd.DataFrame([_score(row, offset) for row in pairs.to_dict("records")])


def summarise_scores(scores: pd.DataFrame) -> dict[str, float | int | None]:
    """Average scores over images.

    Args:
        scores: From ``score_masks``.

    Returns:
        n, dice (mean), dice_p5 (5th percentile), hd95_px, hd95_mm (mean over the n_mm images of
        known spacing; None when there are none), n_mm; n_poor and poor_flagged (masks of Dice under
        ``POOR``, and the share of them that are not called good), n_sound and sound_flagged (the
        same of Dice above ``SOUND``). A share of none is None.
    """
    known_mm = scores["hd95_mm"].dropna()
    flagged = scores["mask_quality"] != "good"
    poor, sound = flagged[scores["dice"] < POOR], flagged[scores["dice"] > SOUND]
    return {
        "n": len(scores),
        "dice": float(scores["dice"].mean()),
        "dice_p5": float(scores["dice"].quantile(0.05)),
        "hd95_px": float(scores["hd95_px"].mean()),
        "hd95_mm": float(known_mm.mean()) if len(known_mm) else None,
        "n_mm": len(known_mm),
        "n_poor": len(poor),
        "poor_flagged": float(poor.mean()) if len(poor) else None,
        "n_sound": len(sound),
        "sound_flagged": float(sound.mean()) if len(sound) else None,
    }


def _score(row: dict[Hashable, Any], offset: Offset) -> dict[str, Any]:
    if not row["lung_mask_predicted"]:
        raise InputError(f"image {row['image_id']}: no predicted mask to score")
    spacing_mm = (row["spacing_row_mm"], row["spacing_col_mm"])
    try:
        overlap = measure_overlap(
            read_mask(Path(row["lung_mask_predicted"])),
            moved(read_mask(Path(row["lung_mask"])), offset),
            spacing_mm=None if any(math.isnan(step) for step in spacing_mm) else spacing_mm,
        )
    except InputError as error:
        raise InputError(f"image {row['image_id']}: {error}") from error
    return {
        "image_id": row["image_id"],
        "dataset": row["dataset"],
        "dice": overlap.dice,
        "hd95_mm": overlap.hd95_mm,
        "hd95_px": overlap.hd95_px,
        "mask_quality": row["mask_quality_predicted"],
    }
