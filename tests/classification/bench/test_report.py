"""The bench measures each case, and holds what it measured against the promises."""

import pytest

from isnet_cxr.classification.bench.cases import PREDICTION_CASES, BenchSettings
from isnet_cxr.classification.bench.report import as_content, choose_cases, run_bench
from isnet_cxr.classification.bench.steps import CaseSteps

TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)


def test_every_training_case_runs_and_the_promises_are_judged():
    names = choose_cases([])
    figures = run_bench(TINY, names, say=lambda _: None, get_ready=CaseSteps)
    assert list(figures) == names
    assert figures["baseline"].cpu_seconds.ratio == 1
    content = as_content(TINY, figures)
    assert len(content["targets"]) == 7  # heatmaps were not measured
    for target in content["targets"]:
        assert target["met"] == (target["value"] <= target["limit"])


def test_prediction_is_compared_with_its_heatmap():
    figures = run_bench(TINY, PREDICTION_CASES, say=lambda _: None, get_ready=CaseSteps)
    assert list(figures) == ["prediction", "prediction with heatmap"]
    assert [target["name"] for target in as_content(TINY, figures)["targets"]] == [
        "prediction with heatmap, time by prediction"
    ]


def test_an_unknown_case_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no case contains 'triple'.*original"):
        choose_cases(["triple"])
