"""Averages over seeds, and the promises of the demonstration."""

import math

import pytest

from isnet_cxr.pipeline.demo import check_figures
from isnet_cxr.pipeline.study.seeds import average


def test_figures_are_averaged_place_by_place():
    first = {"n": 4, "accuracy": 0.5, "ci95": {"accuracy": [0.0, 1.0]}, "confusion": [[2, 0]]}
    second = {"n": 4, "accuracy": 1.0, "ci95": {"accuracy": [0.5, 1.0]}, "confusion": [[1, 1]]}
    assert average([first, second]) == {
        "n": 4,
        "accuracy": 0.75,
        "ci95": {"accuracy": [0.25, 1.0]},
        "confusion": [[1.5, 0.5]],
    }


def test_what_one_seed_does_not_have_is_left_out_of_the_mean():
    assert average([{"share": math.nan}, {"share": 0.5}]) == {"share": 0.5}
    assert math.isnan(average([math.nan, math.nan]))


def test_one_seed_is_its_own_mean():
    figures = {"n": 3, "recall": {"normal": 1.0}}
    assert average([figures]) == figures


def demo_summary(*, baseline: float, exchange: float, isnet: float, dice: float = 0.96) -> dict:
    def tests(own: float, external: float, lungs: float) -> dict:
        scores = {"internal": own, "hillcrest": external + 0.05, "southbank": external - 0.05}
        return {t: {"macro_f1": f1, "relevance_inside_lungs": lungs} for t, f1 in scores.items()}

    return {
        "segmentation": {"oakdale": {"dice": dice}},
        "classification": {
            "baseline": tests(1.0, baseline, 0.4),
            "exchange": tests(1.0, exchange, 0.5),
            "isnet": tests(0.95, isnet, 0.95),
        },
    }


def test_the_demonstration_holds_when_every_figure_does():
    checks = check_figures(demo_summary(baseline=0.2, exchange=0.3, isnet=0.88))
    assert all(check.held for check in checks), [check.line for check in checks]


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        (
            {"baseline": 0.8, "exchange": 0.3, "isnet": 0.93},
            {"baseline, internal minus external", "ISNet minus baseline"},
        ),
        (
            {"baseline": 0.2, "exchange": 0.8, "isnet": 0.93},
            {"exchange, internal minus external", "ISNet minus exchange"},
        ),
        (
            {"baseline": 0.2, "exchange": 0.3, "isnet": 0.6},
            {"ISNet, internal minus external"},
        ),
        ({"baseline": 0.2, "exchange": 0.3, "isnet": 0.93, "dice": 0.9}, {"lung Dice"}),
    ],
)
def test_a_missed_figure_is_named(figures, missed):
    lines = [check.line for check in check_figures(demo_summary(**figures)) if not check.held]
    assert all(line.startswith("MISSED") for line in lines)
    assert {name for name in missed for line in lines if name in line} == missed
    assert len(lines) == len(missed)
