"""A copy of another size shows the same body: height and width in mm stay as published."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.datasets.montgomery import PUBLISHED_PX, SPACING_MM
from isnet_cxr.data.manifests.records import Record
from isnet_cxr.data.manifests.spacing import find_spacing
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.writers import write_png

MONTGOMERY = Record(
    path=Path("a.png"), dataset="montgomery", site="", patient="",
    spacing_mm=(SPACING_MM, SPACING_MM), published_px=PUBLISHED_PX,
)  # fmt: skip


def image(height, width, **known):
    return Radiograph(pixels=np.zeros((1, height, width), np.float32), **known)


@settings(max_examples=60)
@given(st.sampled_from(PUBLISHED_PX), st.integers(32, 1024))
def test_montgomerys_copies_keep_their_extent(published, width):
    rows, columns = published
    height = round(width * rows / columns)
    row_mm, column_mm = find_spacing(MONTGOMERY, image(height, width))
    assert (row_mm * height, column_mm * width) == pytest.approx(
        (rows * SPACING_MM, columns * SPACING_MM)
    )
    assert row_mm == pytest.approx(column_mm, rel=0.02)


def test_the_images_as_published_have_the_published_spacing():
    for rows, columns in PUBLISHED_PX:
        assert find_spacing(MONTGOMERY, image(rows, columns)) == (SPACING_MM, SPACING_MM)


def test_a_squashed_or_cropped_copy_has_no_spacing():
    assert find_spacing(MONTGOMERY, image(256, 256)) is None
    assert find_spacing(MONTGOMERY, image(400, 489, spacing_mm=(0.1, 0.1))) is None


def test_the_adapter_says_which_images_its_spacing_is_of(tmp_path):
    name = "MCUCXR_0001_0.png"
    for folder in ("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask"):
        write_png(np.zeros((4, 3), np.uint8), tmp_path / folder / name)
    (record,) = ADAPTERS["montgomery"].read(tmp_path).records
    assert (record.spacing_mm, record.published_px) == ((SPACING_MM,) * 2, PUBLISHED_PX)
