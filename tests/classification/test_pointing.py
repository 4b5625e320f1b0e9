"""The pointing game: the place of the greatest relevance decides, and chance is what it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.classification.pointing import draw_boxes, point
from isnet_cxr.data.learning.preprocess import prepare_mask

SIDE = 40
BOX = (0.25, 0.5, 0.75, 0.75)
LUNGS = np.zeros((SIDE, SIDE), np.uint8)
LUNGS[10:30, 5:35] = 1


def pointed(heatmap, *, boxes=(BOX,), mask=LUNGS, height=100, width=100):
    return point(heatmap, mask, boxes, height=height, width=width)


def with_peak(row: int, column: int) -> np.ndarray:
    heatmap = np.zeros((SIDE, SIDE), np.float32)
    heatmap[row, column] = 1
    return heatmap


def test_the_greatest_relevance_hits_inside_a_box_alone():
    assert pointed(with_peak(25, 20)).hit
    assert not pointed(with_peak(15, 20)).hit
    assert not pointed(with_peak(25, 8)).hit
    assert pointed(with_peak(25, 8), boxes=(BOX, (0.1, 0.5, 0.3, 0.8))).hit


def test_relevance_against_the_class_points_nowhere():
    against = -with_peak(25, 20) * 9
    found = pointed(against)
    assert (found.hit, found.inside) == (False, 0)
    found = pointed(against + with_peak(5, 5))
    assert (found.hit, found.inside) == (False, 0)


def test_a_share_counts_all_that_supports():
    heatmap = with_peak(25, 20) + 3 * with_peak(5, 5) - with_peak(6, 6)
    assert pointed(heatmap).inside == pytest.approx(0.25)


@pytest.mark.parametrize(("height", "width"), [(100, 100), (100, 50), (60, 90)])
def test_chance_is_what_blind_pointing_hits(height, width):
    """Of all pixels of the image, and of all of the lungs, padding left out."""
    generator = np.random.default_rng(0)
    mask = prepare_mask(np.ones((height, width), np.uint8), SIDE)
    mask[:, : SIDE // 2] = 0
    found, hits, hits_in_lungs = None, [], []
    for _ in range(3000):
        heatmap = generator.random((SIDE, SIDE))
        found = pointed(heatmap, mask=mask, height=height, width=width)
        hits.append(found.hit)
        in_lungs = np.where(mask > 0, heatmap, 0)
        hits_in_lungs.append(pointed(in_lungs, mask=mask, height=height, width=width).hit)
    assert np.mean(hits) == pytest.approx(found.chance, abs=0.03)
    assert np.mean(hits_in_lungs) == pytest.approx(found.chance_in_lungs, abs=0.03)
    assert found.chance == pytest.approx(0.125, abs=0.02)


def test_relevance_on_the_padding_does_not_count():
    heatmap = with_peak(20, 2) * 5 + with_peak(25, 20)
    assert pointed(heatmap, height=100, width=50).hit


def test_without_lungs_there_is_no_chance_in_them():
    assert np.isnan(pointed(with_peak(1, 1), mask=np.zeros_like(LUNGS)).chance_in_lungs)


@settings(max_examples=60)
@given(
    st.tuples(st.floats(0, 0.98), st.floats(0, 0.98), st.floats(0.001, 1), st.floats(0.001, 1)),
    st.integers(20, 300),
    st.integers(20, 300),
)
def test_a_drawn_box_covers_its_part_of_the_image(corner, height, width):
    left, top, right, bottom = corner
    box = (left, top, min(1, left + right), min(1, top + bottom))
    drawn = draw_boxes([box], height=height, width=width, size_px=SIDE)
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    assert drawn.sum() == len(rows) * len(columns) > 0
    scale = SIDE / max(height, width)
    assert len(rows) == pytest.approx((box[3] - box[1]) * height * scale, abs=1.6)
    assert len(columns) == pytest.approx((box[2] - box[0]) * width * scale, abs=1.6)
    middle = (SIDE - width * scale) / 2 + (box[0] + box[2]) / 2 * width * scale
    assert columns.mean() + 0.5 == pytest.approx(middle, abs=1.6)
