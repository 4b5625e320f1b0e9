"""Boxes stay on what they were drawn around, whatever size a copy has."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.manifests.boxes import (
    are_boxes,
    boxes_of,
    boxes_text,
    parse_boxes,
    place_boxes,
)

SIDES = st.tuples(st.integers(0, 900), st.integers(1, 100))


@settings(max_examples=50)
@given(
    st.lists(st.tuples(SIDES, SIDES), max_size=4), st.integers(1000, 4000), st.integers(1000, 4000)
)
def test_boxes_come_back_from_the_text_at_any_size(sides, height, width):
    pixels = [(x, y, x + w, y + h) for (x, w), (y, h) in sides]
    placed = place_boxes(pixels, height=height, width=width)
    back = boxes_of({"boxes": boxes_text(placed)})
    for box, (left, top, right, bottom) in zip(pixels, back, strict=True):
        corners = (left * width, top * height, right * width, bottom * height)
        assert corners == pytest.approx(box, abs=0.01)


def test_a_box_is_cut_off_at_the_edge_of_its_image():
    ((*cut,),) = place_boxes([(-1, 50, 99, 201)], height=200, width=100)
    assert cut == [0, 0.25, 0.99, 1]


@pytest.mark.parametrize("box", [(10, 10, 300, 20), (-50, 0, 10, 10), (5, 5, 5, 9), (7, 5, 5, 9)])
def test_a_box_of_another_size_is_not_placed(box):
    assert place_boxes([(0, 0, 50, 50), box], height=200, width=100) is None


@pytest.mark.parametrize(
    "text",
    ["no", "{}1", "[[0, 0, 1]]", "[[0, 0, 2, 1]]", "[[0.5, 0, 0.5, 1]]", "[[0, 0, NaN, 1]]",
     '[["0", 0, 1, 1]]', "[1]", "1", "[[true, 0, 1, 1]]", "[" * 100_000],
)  # fmt: skip
def test_any_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"^expected a JSON list of \[left, top, right, bottom\]"):
        parse_boxes(text)
    assert are_boxes(pd.Series(["", text, "[[0, 0, 1, 1]]"])).tolist() == [True, False, True]


def test_a_row_of_an_old_manifest_has_no_box():
    assert boxes_of({"path": "a.png"}) == boxes_of(pd.Series({"boxes": ""})) == ()
