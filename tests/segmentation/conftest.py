"""Tiny images for stage 1: two bright discs on noise are the lungs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from isnet_cxr.data.learning.augment import Augmentation
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.writers import write_mask, write_png
from isnet_cxr.segmentation.network import NetworkSettings
from isnet_cxr.segmentation.settings import SegmentationSettings

HEIGHT, WIDTH = 40, 32


def draw_lungs(generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw two discs side by side, (H, W) of 0 and 1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for centre in (9, 23):
        row, column = 20 + generator.uniform(-3, 3), centre + generator.uniform(-1, 1)
        radius = generator.uniform(4.5, 6)
        mask[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = 1
    return mask


@pytest.fixture
def write_images(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Return a function that writes images with masks and returns their manifest."""

    def write(splits: dict[str, int], *, dataset: str = "discs", seed: int = 0) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        rows = []
        for number, split in enumerate(s for s, images in splits.items() for _ in range(images)):
            mask = draw_lungs(generator)
            image = 0.3 + 0.4 * mask + generator.normal(0, 0.05, mask.shape)
            stem = tmp_path / dataset / f"{number}"
            write_png(np.clip(image, 0, 1).astype(np.float32), stem.with_suffix(".png"))
            write_mask(mask, stem.with_suffix(".mask.png"))
            rows.append(
                {
                    "image_id": f"{seed:08x}{number:08x}",
                    "path": str(stem.with_suffix(".png")),
                    "dataset": dataset,
                    "patient_id": f"{dataset}/{number:012x}",
                    "height_px": HEIGHT,
                    "width_px": WIDTH,
                    "spacing_row_mm": 2.0,
                    "spacing_col_mm": 2.0,
                    "split": split,
                    "lung_mask": str(stem.with_suffix(".mask.png")),
                    "mask_source": "reference",
                }
            )
        return validate(pd.DataFrame(rows))

    return write


@pytest.fixture
def settings() -> SegmentationSettings:
    """Return settings that learn discs in seconds."""
    return SegmentationSettings(
        network=NetworkSettings(channels=(8, 16, 16), residual_units=1),
        preprocessing=Preprocessing(size_px=32, exposure="none"),
        augmentation=Augmentation(),
        epochs=12,
        batch_size=4,
        learning_rate=1e-2,
    )
