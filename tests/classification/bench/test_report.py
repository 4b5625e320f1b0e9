"""The bench measures each case, in turns, and holds what it measured against the promises."""

import pytest

from classification.bench.cases import BenchSettings
from classification.bench.report import (
    as_content,
    bench_heatmap,
    bench_training,
    choose_cases,
)
from classification.bench.timing import time_in_turns

TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)


def test_cases_take_turns_and_ratios_are_medians_within_a_round():
    order: list[str] = []
    clock = iter([0, 9, 0, 9, 0, 1, 0, 3, 0, 2, 0, 8, 0, 1, 0, 2])  # begin and end of each call
    steps = {"plain": lambda: order.append("plain"), "other": lambda: order.append("other")}
    timings = time_in_turns(steps, repeats=3, clock=lambda: float(next(clock)))
    assert order == ["plain", "other"] * 4
    assert timings["plain"].ratio == 1
    assert (timings["other"].ratio, timings["other"].seconds) == (3, 3)  # 3, 4 and 2
    assert timings["other"].spread == (2, 4)


def test_every_training_case_runs_and_the_promises_are_judged():
    names = choose_cases([])
    figures = bench_training(TINY, names, memory=False, say=lambda _: None)
    assert list(figures) == names
    assert figures["plain"].cpu.ratio == 1
    content = as_content(TINY, figures)
    assert len(content["targets"]) == 6  # memory and heatmaps were not measured
    for target in content["targets"]:
        assert target["met"] == (target["value"] <= target["limit"])


def test_prediction_is_compared_with_its_heatmap():
    figures = bench_heatmap(TINY, memory=False, say=lambda _: None)
    assert list(figures) == ["prediction", "prediction with heatmap"]


@pytest.mark.slow
def test_memory_is_measured_in_a_process_of_its_own():
    figures = bench_training(TINY, ["plain"], memory=True, say=lambda _: None)
    assert figures["plain"].peak_mib > 0
    assert figures["plain"].memory_ratio == 1


def test_an_unknown_case_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no case contains 'triple'.*original"):
        choose_cases(["triple"])
