"""An output registered from outside is written wherever predictions are."""

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Predictor

PNG_START = b"\x89PNG\r\n\x1a\n"
OUTPUT = """
from isnet_cxr.data.finding import lent
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS, Output

class Doubt(Output):
    def columns(self, prediction):
        return {"doubt": 1 - float(prediction.probabilities.max()), "word": "maybe"}

    def write(self, prediction, out):
        (out / "doubts").mkdir(parents=True, exist_ok=True)
        with lent(prediction.source) as path:
            told = f"{prediction.predicted} {path.read_bytes()[:8]!r}"
        (out / "doubts" / f"{prediction.image_id}.txt").write_text(told)

OUTPUTS.register("doubt", Doubt())
"""


def test_calibrated_probabilities_stand_in_the_table_where_the_package_has_a_temperature():
    packages = Path(__file__).parent / "packages"
    squares = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    calibrated = OUTPUTS["calibrated"]
    for name, expected in (("schema-2", True), ("schema-1", False)):
        predictor = Predictor.load(packages / name)
        size = predictor.classifier.settings.preprocessing.size_px
        images = np.resize(squares, (2, size, size))
        masks = np.ones_like(images)
        for one in predictor.predict_prepared(images, masks, ["0" * 16, "1" * 16]):
            columns = calibrated.columns(one)
            assert bool(columns) == expected
            assert not expected or sum(columns.values()) == pytest.approx(1)


@pytest.fixture
def extension(tmp_path, monkeypatch):
    monkeypatch.setattr(OUTPUTS, "_entries", dict(OUTPUTS))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "doubt_output", raising=False)
    path = tmp_path / "doubt_output.py"
    path.write_text(OUTPUT)
    yield path
    sys.modules.pop("doubt_output", None)


def test_it_knows_the_image_s_file_and_its_numbers_are_in_the_tests(
    command, extension, images, classifier_package, write_images, tmp_path
):
    out = tmp_path / "out"
    code, _, said = command(
        "predict", images, "--model", classifier_package, "--out", out, "--extension", extension
    )
    assert code == 0, said
    with (out / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        highest = max(float(row["p_normal"]), float(row["p_covid"]))
        assert float(row["doubt"]) == pytest.approx(1 - highest, abs=1e-5)
        told = (out / "doubts" / f"{row['image_id']}.txt").read_text()
        assert told == f"{row['predicted']} {PNG_START!r}"
    manifest = read_manifest(write_images("one", count=3))
    frame = evaluate_classifier(classifier_package, manifest, cache=None, progress=False)
    assert pd.api.types.is_float_dtype(frame["doubt"])
    assert "word" not in frame


def test_columns_are_the_known_ones_in_their_order(command, images, classifier_package, tmp_path):
    command("predict", images, "--model", classifier_package, "--out", tmp_path)
    header = (tmp_path / "predictions.csv").read_text().splitlines()[0]
    assert header == (
        "number,image_id,predicted,p_normal,p_covid,explained,relevance_inside_lungs,"
        "relevance_rank_inside_lungs,log_odds,relevance_net_inside_lungs,relevance_gross,full_colour,"
        "mask_quality,mask_reasons,review_flag,gate,gate_reason"
    )
