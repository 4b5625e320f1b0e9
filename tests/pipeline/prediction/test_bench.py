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
    throughput = told["throughput"]
    rates, cpu = throughput["per_second"], throughput["cpu_seconds"]
    assert all(value > 0 for value in [*rates.values(), *cpu.values()])
    for ratio, passes in (("without_heatmaps", "passes"), ("beside_own_passes", "own_passes")):
        slower = min(rates["decoding"], rates[passes])
        assert throughput[ratio] == pytest.approx(rates["job_without_heatmaps"] / slower)
        least = max(cpu["decoding"], cpu[passes])
        assert throughput[f"cpu_{ratio}"] == pytest.approx(least / cpu["job_without_heatmaps"])
    assert throughput["with_heatmaps"] == pytest.approx(rates["job"] / rates["all_four"])
    assert all(goal["met"] in (True, False) for goal in told["goals"])


@pytest.mark.slow
def test_many_images_take_no_more_memory_than_few():
    from isnet_cxr.pipeline.prediction.bench.memory import measure_memory

    peaks = measure_memory(say=print, few=150, many=600, large=2)
    assert peaks.few_mb > 100
    assert peaks.growth < 1.25, "for four times the images; allocators alone make a tenth"
    assert peaks.large_mb < 700
