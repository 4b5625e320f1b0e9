"""Rows that say different things of one image are found, whatever order they stand in."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.audit.contradictions import find_contradictions

ROWS = st.lists(
    st.tuples(*(st.sampled_from(values) for values in ("ab", ["", "x", "y"], "pq", "de")))
)


def manifest(rows):
    columns = ["image_id", "label", "patient_id", "dataset"]
    return pd.DataFrame(rows, columns=columns, dtype=str)


def found(rows):
    return {one.kind: set(one.image_ids) for one in find_contradictions(manifest(rows))}


@settings(max_examples=100)
@given(ROWS)
def test_images_of_two_classes_or_patients_are_found_as_by_hand(rows):
    two_classes = {a[0] for a in rows for b in rows if a[0] == b[0] and "" < a[1] < b[1]}
    two_patients = {
        a[0] for a in rows for b in rows if (a[0], a[3]) == (b[0], b[3]) and a[2] != b[2]
    }
    expected = {"classes": two_classes, "patients": two_patients}
    assert found(rows) == found(rows[::-1]) == {k: v for k, v in expected.items() if v}


def test_it_is_said_in_one_line_without_a_patient():
    rows = [("a", "x", "p", "d"), ("a", "y", "q", "d"), ("b", "x", "p", "d"), ("b", "y", "p", "d")]
    assert [one.sentence for one in find_contradictions(manifest(rows))] == [
        "2 images have rows of different classes (a, ...)",
        "1 image has rows of different patients (a)",
    ]
