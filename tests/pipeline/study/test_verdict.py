"""The verdict changes when the figures do."""

import pytest

from isnet_cxr.pipeline.study.measures import MEASURES
from isnet_cxr.pipeline.study.verdict import compare, verdict


def summary(low: float, high: float, *, caught: list[str]) -> dict:
    figures = {"macro_auc": {"difference": (low + high) / 2, "ci95": [low, high], "p": 0.5}}
    measures = dict.fromkeys(MEASURES, 0.5) | {"bias_test": None}
    return {
        "comparisons": [
            {"first": "isnet", "second": "baseline", "tests": {"internal": {}, "away": figures}}
        ],
        "reliance": {
            "baseline": {"internal": {"measures": measures, "caught": caught}},
            "background only": {"internal": {"measures": measures, "caught": ["relevance"]}},
        },
    }


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.02, 0.1, "better than"),
        (-0.1, -0.01, "worse than"),
        (-0.04, 0.03, "equal (to within 0.05) to"),
        (-0.03, -0.01, "equal (to within 0.05) to"),
        (-0.2, 0.05, "not told apart from"),
    ],
)
def test_a_difference_is_named_by_its_interval(low, high, word):
    assert compare(low, high) == word
    assert f"isnet is {word} baseline" in verdict(summary(low, high, caught=[]))[0]


def test_reliance_is_counted_among_what_was_measured_and_the_control_is_left_out():
    _, one = verdict(summary(0.1, 0.2, caught=["relevance", "erased"]))
    assert one.startswith("2 of 4 measures say that baseline relies on the background (")
    assert MEASURES["relevance"].title in one


def test_a_study_without_comparisons_has_no_verdict():
    assert verdict({}) == []
