"""The report of a large study is made whole, within 2 GB; its seconds are told, not judged."""

import json

import pytest

from isnet_cxr.pipeline.study.bench.made import SHARES, Size, make_study
from isnet_cxr.pipeline.study.bench.report import PEAK_LIMIT_MB

pytestmark = pytest.mark.slow


def test_twenty_trainings_and_five_thousand_images(tmp_path, command):
    options = ("--runs", 20, "--images", 5000, "--out", tmp_path, "--json")
    code, said, error = command("bench", "report", *options)
    assert code == 0, error
    cost = json.loads(said)
    assert cost["cpu_s"] > 0
    assert cost["peak_mb"] < PEAK_LIMIT_MB
    summary = json.loads((tmp_path / "summary.json").read_text())
    tests = summary["classification"]["isnet"]
    assert sum(own["n"] for own in tests.values()) == 5000
    assert all(len(own["seeds"]) == 5 for own in tests.values())
    assert {"conflict", "evidence", "reliance", "verdict", "comparisons"} <= set(summary)
    page = (tmp_path / "report.html").read_text()
    for part in ("matrix", "classes", "calibration", "conflict", "reliance", "heatmaps"):
        assert f'id="{part}"' in page


def test_a_made_study_is_the_same_every_time(tmp_path):
    size = Size(runs=4, images=120)
    first, second = (make_study(tmp_path / name, size) for name in ("a", "b"))
    assert sum(len(rows) for rows in first.images.tests.values()) == 120
    assert set(SHARES) == {"train", "val", *first.images.tests}
    for one, other in zip(first.trainings, second.trainings, strict=True):
        assert one.learn == other.learn
        for test in first.images.tests:
            assert one.predictions(test).equals(other.predictions(test))
