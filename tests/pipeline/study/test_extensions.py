"""What an extension registers is in a study's trainings, figures, report and MLflow runs."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.run import run_study

EXTENSION = """
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from isnet_cxr.classification.figures import FIGURES, Figure
from isnet_cxr.classification.methods import METHODS, Method, Needs
from isnet_cxr.classification.networks import NETWORKS
from isnet_cxr.classification.objective import Objective, class_loss
from isnet_cxr.data.bias import BIAS_TESTS, BiasTest
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS, Output


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


@dataclass(frozen=True)
class RightReasonsSettings:
    weight: float = 10.0


class RightReasonsObjective(Objective):
    def __init__(self, network, class_weights, weight):
        super().__init__()
        self._network, self._class_weights, self._weight = network, class_weights, weight

    def validation_terms(self, batch):
        with torch.enable_grad():
            images = batch.images.detach().requires_grad_()
            logits = self._network(images)
            said = logits.log_softmax(dim=1).sum()
            (slopes,) = torch.autograd.grad(said, images, create_graph=True)
        outside = (slopes * (1 - batch.masks)).square().flatten(1).sum(dim=1).mean()
        loss = class_loss(logits, batch.labels, self._class_weights)
        whole = loss + self._weight * outside
        return {"loss": whole, "class_loss": loss, "slopes": outside, "logits": logits}


class RightReasons(Method):
    settings = RightReasonsSettings

    def needs(self, own):
        return Needs(lung_masks_in_training=True)

    def build(self, setup):
        return RightReasonsObjective(setup.network, setup.class_weights, setup.own.weight)


METHODS.register("right_reasons", RightReasons())
NETWORKS.register(
    "two-layers",
    lambda classes: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, classes),
    ),
)


class Doubt(Output):
    def columns(self, prediction):
        return {"doubt": 1 - float(prediction.probabilities.max())}


OUTPUTS.register("doubt", Doubt())
"""


def values(folder: Path) -> dict:
    (folder / "five_additions.py").write_text(EXTENSION)
    return {
        "name": "extended",
        "extensions": ["five_additions.py"],
        "classes": ["normal", "covid"],
        "datasets": {"here": {"manifest": "here/manifest.csv"}},
        "development": ["here"],
        "exclude_duplicates": False,
        "fractions": [0.5, 0.25, 0.25],
        "defaults": {"preprocessing": {"size_px": 16}, "epochs": 1, "batch_size": 4},
        "classifiers": {
            "a": {
                "method": "right_reasons",
                "right_reasons": {"weight": 3.0},
                "network": "two-layers",
            },
            "b": {"method": "baseline"},
        },
        "bias_tests": {"edges": {"classifiers": ["a"]}},
        "compare": [["a", "b"]],
    }


@pytest.fixture
def restored(monkeypatch):
    """Forget afterwards what the extension registers."""
    from isnet_cxr.classification.figures import FIGURES
    from isnet_cxr.classification.methods import METHODS
    from isnet_cxr.classification.networks import NETWORKS
    from isnet_cxr.data.bias import BIAS_TESTS
    from isnet_cxr.pipeline.prediction.outputs import OUTPUTS

    for registry in (FIGURES, BIAS_TESTS, METHODS, NETWORKS, OUTPUTS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    sys.modules.pop("five_additions", None)


def undo_splits(manifest: Path) -> None:
    text = manifest.read_text()
    manifest.write_text(text.replace(",train,", ",,").replace(",val,", ",,"))


@pytest.mark.slow
@pytest.mark.usefixtures("restored")
def test_what_is_registered_outside_is_in_summary_report_and_mlflow(write_images, tmp_path):
    undo_splits(write_images("here", lungs=np.pad(np.ones((38, 30), np.uint8), 1), count=48))
    config, out = parse_study(values(tmp_path), folder=tmp_path), tmp_path / "out"
    finished = run_study(config, out, say=lambda _: None, progress=False)
    told = finished.summary["bias"]["edges"]["a"]
    assert list(told) == ["told", "hidden"]
    assert 0.5 <= told["told"]["confidence"] <= 1
    assert "confidence" in finished.summary["comparisons"][0]["tests"]["internal"]
    own = finished.summary["classification"]["a"]["internal"]
    assert own["outputs"]["doubt"] == pytest.approx(1 - own["confidence"], abs=1e-6)
    page = finished.report.read_text()
    assert "doubt" in page
    assert "method: right_reasons" in page
    assert "network: two-layers" in page
    assert "Bright edges" in page
    assert "mean confidence" in page
    assert str(tmp_path) not in page
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("extended").experiment_id
    runs = {run.info.run_name: run.data.metrics for run in client.search_runs([experiment])}
    assert "internal/outputs/doubt" in runs["a seed 0"]
    assert "val_slopes" in runs["a seed 0"]
    params = {run.info.run_name: run.data.params for run in client.search_runs([experiment])}
    assert params["a seed 0"]["method"] == "right_reasons"
    assert params["a seed 0"]["right_reasons.weight"] == "3.0"
    assert params["a seed 0"]["network"] == "two-layers"
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
