"""What an extension registers is in a study's trainings, figures, report and MLflow runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.run import run_study

EXTENSION = """
import numpy as np

from isnet_cxr.classification.figures import FIGURES, Figure
from isnet_cxr.data.bias import BIAS_TESTS, BiasTest


def stamp_edges(images, masks, classes, *, test, count):
    stamped = images.copy()
    if test == "told":
        stamped[:, 0] = (classes * 255 // (count - 1))[:, None]
    return stamped


BIAS_TESTS.register(
    "edges",
    BiasTest("Bright edges", "The first row tells.", ("told", "hidden"), "told", stamp_edges),
)


def mean_confidence(scored):
    return float(np.max(scored.probabilities, axis=1).mean())


FIGURES.register("confidence", Figure("mean confidence", mean_confidence, compared=True))
"""


def values(folder: Path) -> dict:
    (folder / "edges_and_confidence.py").write_text(EXTENSION)
    return {
        "name": "extended",
        "extensions": ["edges_and_confidence.py"],
        "classes": ["normal", "covid"],
        "datasets": {"here": {"manifest": "here/manifest.csv"}},
        "development": ["here"],
        "exclude_duplicates": False,
        "fractions": [0.5, 0.25, 0.25],
        "defaults": {"preprocessing": {"size_px": 16}, "epochs": 1, "batch_size": 4},
        "classifiers": {"a": {"method": "baseline"}, "b": {"method": "baseline"}},
        "bias_tests": {"edges": {"classifiers": ["a"]}},
        "compare": [["a", "b"]],
    }


@pytest.fixture
def restored(monkeypatch):
    """Forget afterwards what the extension registers."""
    from isnet_cxr.classification.figures import FIGURES
    from isnet_cxr.data.bias import BIAS_TESTS

    for registry in (FIGURES, BIAS_TESTS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def undo_splits(manifest: Path) -> None:
    text = manifest.read_text()
    manifest.write_text(text.replace(",train,", ",,").replace(",val,", ",,"))


@pytest.mark.slow
@pytest.mark.usefixtures("restored")
def test_a_bias_test_and_a_figure_from_outside_are_everywhere(write_images, tmp_path):
    undo_splits(write_images("here", lungs=np.ones((40, 32), np.uint8), count=48))
    config, out = parse_study(values(tmp_path), folder=tmp_path), tmp_path / "out"
    finished = run_study(config, out, say=lambda _: None, progress=False)
    told = finished.summary["bias"]["edges"]["a"]
    assert list(told) == ["told", "hidden"]
    assert 0.5 <= told["told"]["confidence"] <= 1
    assert "confidence" in finished.summary["comparisons"][0]["tests"]["internal"]
    page = finished.report.read_text()
    assert "Bright edges" in page
    assert "mean confidence" in page
    assert str(tmp_path) not in page
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("extended").experiment_id
    runs = {run.info.run_name: run.data.metrics for run in client.search_runs([experiment])}
    assert "told/confidence" in runs["a with edges seed 0"]
    assert "bias/edges/a/hidden/confidence" in runs["extended"]
    assert json.loads((out / "summary.json").read_text()) == finished.summary


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        (["nowhere.py"], r"extensions\.0: extension .*nowhere\.py.*no such file"),
        (["no_such_module_of_anybody"], r"extensions\.0: .*cannot be imported"),
        ("one.py", r"extensions: "),
    ],
)
def test_an_extension_that_is_not_there_is_named(write_images, tmp_path, extensions, message):
    write_images("here")
    with pytest.raises(ValueError, match=message):
        parse_study({**values(tmp_path), "extensions": extensions}, folder=tmp_path)
