"""Counts by class, and a measure that is 0 for nothing and 1 for everything."""

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.audit import tabulate
from isnet_cxr.data.audit.association import UNKNOWN, cramers_v


def test_a_column_that_decides_the_class_has_one():
    assert cramers_v(np.diag([40, 30, 20])) == pytest.approx(1.0)


def test_a_column_that_says_nothing_has_zero():
    assert cramers_v(np.array([[40, 20], [20, 10], [10, 5]])) == pytest.approx(0.0, abs=1e-9)


def test_a_hundred_rare_values_do_not_seem_to_know_the_class():
    """Uncorrected, V of independent columns is about sqrt((rows - 1) / n) = 0.5 here."""
    rng = np.random.default_rng(0)
    values, labels = rng.integers(0, 100, 400), rng.integers(0, 2, 400)
    assert cramers_v(pd.crosstab(values, labels).to_numpy()) < 0.2


def test_the_measure_by_hand():
    """[[30, 10], [10, 30]]: phi2 = 0.25; corrected by 1/79 above and below."""
    expected = np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79))
    assert cramers_v(np.array([[30, 10], [10, 30]])) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[[5, 3]], [[5], [3]], [[5, 0], [3, 0]], [[0, 0], [0, 0]]])
def test_nothing_to_tell_apart_is_not_a_number(counts):
    assert np.isnan(cramers_v(np.array(counts)))


def images(**columns):
    rows = {
        "label": ["covid", "normal", "normal", ""],
        "dataset": ["a", "b", "b", "b"],
        "site": ["", "s", "s", "s"],
        "view": ["AP", "PA", "", "PA"],
        "sex": ["M", "F", "", "F"],
        "age": [17.0, 18.0, float("nan"), 50.0],
        "height_px": [512, 513, 4000, 100],
        "width_px": [512, 400, 5000, 100],
        "split": ["", "", "", ""],
    }
    return pd.DataFrame({**rows, **columns})


def test_values_are_counted_by_class_and_unlabelled_images_are_not():
    tables = {one.column: one.counts for one in tabulate(images())}
    assert tables["source"].to_dict("index") == {
        "b": {"covid": 0, "normal": 2},
        "a": {"covid": 1, "normal": 0},
    }
    assert set(tables["view"].index) == {"AP", "PA", UNKNOWN}
    assert set(tables["age"].index) == {"0 to 17", "18 to 39", UNKNOWN}
    assert set(tables["size"].index) == {"up to 512 px", "up to 1024 px", "above 2048 px"}
    assert set(tables["shape"].index) == {"square", "higher than wide", "wider than high"}


def test_the_oldest_are_counted_too():
    ages = {o.column: o for o in tabulate(images(age=[80.0, 79.0, 104.0, 1.0]))}["age"].counts
    assert ages.sum(axis=1).to_dict() == {"80 and more": 2, "60 to 79": 1}
