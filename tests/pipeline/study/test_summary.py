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


def demo_summary(
    *,
    baseline: float = 0.1,
    exchange: float = 0.3,
    isnet: float = 0.95,
    control: float = 1.0,
    misled: float = 0.95,
    lungs: float = 0.95,
    dice: float = 0.96,
) -> dict:
    def tests(own: float, deceiving: float, inside: float) -> dict:
        scores = {"internal": own, "hillcrest": (own + deceiving) / 2, "southbank": deceiving}
        return {t: {"macro_f1": f1, "relevance_inside_lungs": inside} for t, f1 in scores.items()}

    return {
        "segmentation": {"oakdale": {"dice": dice}},
        "classification": {
            "baseline": tests(1.0, baseline, 0.3),
            "exchange": tests(1.0, exchange, 0.5),
            "isnet": tests(0.95, isnet, lungs),
            "background only": tests(control, 0.0, 0.05),
        },
        "conflict": {"hillcrest": {"conflict": {"isnet": {"accuracy": misled}}}},
    }


def test_the_demonstration_holds_when_every_figure_does():
    checks = check_figures(demo_summary())
    assert all(check.held for check in checks), [check.line for check in checks]


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        ({"baseline": 0.9}, {"baseline where the background deceives"}),
        ({"exchange": 0.9}, {"exchange where the background deceives", "ISNet minus exchange"}),
        (
            {"isnet": 0.4},
            {"ISNet where the background deceives", "ISNet where the background says nothing",
             "ISNet minus exchange"},
        ),
        ({"control": 0.5}, {"control without lungs"}),
        ({"misled": 0.5}, {"ISNet on the images there whose background misleads"}),
        ({"lungs": 0.5}, {"ISNet, relevance inside the lungs"}),
        ({"dice": 0.9}, {"lung Dice"}),
    ],
)  # fmt: skip
def test_a_missed_figure_is_named(figures, missed):
    lines = [check.line for check in check_figures(demo_summary(**figures)) if not check.held]
    assert all(line.startswith("MISSED") for line in lines)
    assert {name for name in missed for line in lines if name in line} == missed
    assert len(lines) == len(missed)
