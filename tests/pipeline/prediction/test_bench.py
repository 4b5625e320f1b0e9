"""The start of a prediction is measured beside what it cannot do without."""

import json

import pytest


@pytest.mark.slow
def test_the_bench_compares_what_it_measures_in_one_run(command):
    code, shown, said = command("bench", "predict", "--repeats", 1, "--images", 4, "--json")
    assert code == 0, said
    told = json.loads(shown)
    figures = told["start_up"]
    assert figures["cpu_ratio"] == pytest.approx(
        figures["predict_cpu_s"] / figures["reference_cpu_s"]
    )
    assert figures["cpu_ratio"] > 0
    rates = told["throughput"]["per_second"]
    slower = min(rates["decoding"], rates["passes"])
    assert told["throughput"]["without_heatmaps"] == pytest.approx(
        rates["job_without_heatmaps"] / slower
    )
    assert all(rate > 0 for rate in rates.values())
    assert told["throughput"]["with_heatmaps"] == pytest.approx(rates["job"] / rates["all_four"])
    assert all(goal["met"] in (True, False) for goal in told["goals"])


@pytest.mark.slow
def test_many_images_take_no_more_memory_than_few():
    from isnet_cxr.pipeline.prediction.bench.memory import measure_memory

    peaks = measure_memory(say=print, few=150, many=600, large=2)
    assert peaks.few_mb > 100
    assert peaks.growth < 1.25, "for four times the images; allocators alone make a tenth"
    assert peaks.large_mb < 700
