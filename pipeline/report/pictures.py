"""Images with outlines and heatmaps, for the report and for MLflow."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.image import imsave
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from isnet_cxr.classification.explain import overlay
from isnet_cxr.data.learning.preprocess import (
    Preprocessing,
    prepare_image,
    prepare_mask,
    restore_map,
)
from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.report.plots import as_png, data_uri, plot_confusion
from isnet_cxr.pipeline.study.lungs import Lungs
from isnet_cxr.pipeline.study.samples import Explained, read_explained
from isnet_cxr.pipeline.study.trainings import Training

OUTLINE_PX, OUTLINE_WIDTH_PX = 288, 2
PREDICTED, REFERENCE = (255, 196, 0), (0, 200, 255)
LUNG_IMAGES_PER_TEST = 4
GAP_PX = 4


@dataclass(frozen=True)
class Picture:
    """An image with what is to be said about it.

    Attributes:
        source: Source of an ``img``.
        caption: One line; an image is named by its image id.
        right: Whether what it shows is right; None where that is no question.
    """

    source: str
    caption: str
    right: bool | None = None


def draw_pictures(training: Training, figures: Mapping[str, Any], classes: Sequence[str]) -> Path:
    """Write confusion matrices and heatmaps of one training as PNG files.

    Returns:
        Their folder.
    """
    folder = training.folder / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for test, scores in figures.items():
        confusion = plot_confusion(scores["confusion"], classes)
        (folder / f"confusion {test}.png").write_bytes(as_png(confusion))
        explained = read_explained(training.testing, test)
        if explained is not None:
            write_png(_contact_sheet(explained), folder / f"heatmaps {test}.png")
    return folder


def image_picture(explained: Explained, number: int) -> Picture:
    """Show an image as the network saw it, its lungs outlined."""
    image, mask = (
        restore_map(square[number], height=OUTLINE_PX, width=OUTLINE_PX, nearest=nearest)
        for square, nearest in ((explained.images, False), (explained.masks, True))
    )
    grey = np.repeat(image.astype(np.uint8)[..., np.newaxis], 3, axis=2)
    outlined = _outline(grey, mask.astype(np.uint8), REFERENCE)
    caption = f"{explained.labels[number]} · {explained.image_ids[number][:8]}"
    return Picture(_png(outlined), caption)


def heatmap_picture(explained: Explained, number: int) -> Picture:
    """Show where a classifier looked, and what it said."""
    predicted = str(explained.predicted[number])
    probability = float(explained.probabilities[number].max())
    share = float(explained.share_inside_lungs[number])
    lungs = "" if np.isnan(share) else f" · lungs {share:.0%}"
    caption = f"{predicted} {probability:.2f}{lungs}"
    right = predicted == str(explained.labels[number])
    return Picture(_png(_coloured(explained, number)), caption, right)


def lung_pictures(lungs: Lungs, test: str) -> list[Picture]:
    """Show predicted and reference outlines on a few images of ``test``."""
    reference = lungs.reference[test]
    order = reference["image_id"].map(lambda i: hashlib.blake2b(i.encode()).hexdigest())
    chosen = reference.loc[order.sort_values().index].head(LUNG_IMAGES_PER_TEST)
    predicted = lungs.predicted[test].drop_duplicates("image_id").set_index("image_id")
    return [
        _lung_picture(row, str(predicted.loc[row["image_id"], "lung_mask"]))
        for _, row in chosen.iterrows()
        if row["image_id"] in predicted.index
    ]


def _lung_picture(row: "pd.Series[Any]", predicted: str) -> Picture:
    settings = Preprocessing(size_px=OUTLINE_PX, exposure="none")
    image = prepare_image(read_image(Path(row["path"])).pixels, settings)[0]
    picture = np.repeat((image * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    for mask, colour in ((row["lung_mask"], REFERENCE), (predicted, PREDICTED)):
        square = prepare_mask(read_mask(Path(mask)), OUTLINE_PX)
        picture = _outline(picture, square, colour)
    return Picture(_png(picture), str(row["image_id"])[:8])


def _contact_sheet(explained: Explained) -> NDArray[np.uint8]:
    """Put images above their heatmaps, one column per image, (H, W, 3)."""
    columns = []
    for number, image in enumerate(explained.images):
        grey = np.repeat(image[..., np.newaxis], 3, axis=2)
        column = np.concatenate([grey, _coloured(explained, number)])
        columns.append(np.pad(column, ((GAP_PX, GAP_PX), (GAP_PX, GAP_PX), (0, 0))))
    return np.concatenate(columns, axis=1)


def _coloured(explained: Explained, number: int) -> NDArray[np.uint8]:
    image = explained.images[number].astype(np.float32) / np.float32(255)
    return overlay(image, explained.heatmaps[number])


def _outline(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw the border of ``mask`` (H, W) into a copy of ``picture`` (H, W, 3)."""
    inside = mask.astype(bool)
    drawn = picture.copy()
    drawn[inside & ~binary_erosion(inside, iterations=OUTLINE_WIDTH_PX)] = colour
    return drawn


def _png(picture: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return data_uri(buffer.getvalue(), "image/png")
