"""The start of a prediction is measured beside what it cannot do without."""

import json

import pytest


@pytest.mark.slow
def test_the_bench_compares_cpu_seconds_in_one_run(command):
    code, shown, said = command("bench", "predict", "--repeats", 1, "--json")
    assert code == 0, said
    told = json.loads(shown)
    figures = told["start_up"]
    assert figures["cpu_ratio"] == pytest.approx(
        figures["predict_cpu_s"] / figures["reference_cpu_s"]
    )
    assert figures["cpu_ratio"] > 1
