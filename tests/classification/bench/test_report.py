"""The bench measures each case, in turns, and holds what it measured against the promises."""

import pytest

from classification.bench.cases import BenchSettings
from classification.bench.report import (
    as_content,
    bench_heatmap,
    bench_training,
    choose_cases,
)
from classification.bench.rounds import Compared, run_rounds
from classification.bench.turn import Turn, measure_here

TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)


def test_cases_take_turns_and_ratios_are_medians_within_a_round():
    order: list[str] = []
    cpu = iter([1.0, 3.0, 2.0, 8.0, 1.0, 2.0])

    def take(name: str) -> Turn:
        order.append(name)
        return Turn(next(cpu), wall_seconds=1.0, peak_mib=2.0 if name == "plain" else 3.0)

    figures = run_rounds(["plain", "other"], take, repeats=3, say=lambda _: None)
    assert order == ["plain", "other"] * 3
    assert figures["plain"].cpu_seconds.ratio == 1
    assert figures["other"].cpu_seconds == Compared(value=3, ratio=3, spread=(2, 4))
    assert figures["other"].peak_mib.ratio == 1.5


def test_the_reference_takes_a_turn_before_every_few_others():
    order: list[str] = []

    def take(name: str) -> Turn:
        order.append(name)
        seconds = {0: 1.0, 4: 9.0, 8: 2.0}.get(len(order) - 1, 4.0)  # the reference's three turns
        return Turn(seconds, wall_seconds=1.0, peak_mib=1.0)

    figures = run_rounds(["plain", *"abcdefg"], take, repeats=1, say=lambda _: None)
    assert order == ["plain", *"abc", "plain", *"def", "plain", "g"]
    assert figures["g"].cpu_seconds.ratio == 2  # by the median of 1, 9 and 2


def test_every_training_case_runs_and_the_promises_are_judged():
    names = choose_cases([])
    figures = bench_training(TINY, names, say=lambda _: None, measure=measure_here)
    assert list(figures) == names
    assert figures["plain"].cpu_seconds.ratio == 1
    content = as_content(TINY, figures)
    assert len(content["targets"]) == 7  # heatmaps were not measured
    for target in content["targets"]:
        assert target["met"] == (target["value"] <= target["limit"])


def test_prediction_is_compared_with_its_heatmap():
    figures = bench_heatmap(TINY, say=lambda _: None, measure=measure_here)
    assert list(figures) == ["prediction", "prediction with heatmap"]
    assert [target["name"] for target in as_content(TINY, figures)["targets"]] == [
        "prediction with heatmap, CPU by prediction"
    ]


def test_an_unknown_case_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no case contains 'triple'.*original"):
        choose_cases(["triple"])
