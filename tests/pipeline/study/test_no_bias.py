"""The verdict changes when it should: equal where no background tells anything, else not."""

import json
from pathlib import Path

import pytest
import yaml

from isnet_cxr.data.phantoms import DEVELOPMENT

pytestmark = pytest.mark.slow

STUDY = Path(__file__).parents[3] / "studies" / "no-bias.yaml"
BIASED = [hospital.name for hospital in DEVELOPMENT]
EXTERNAL = "southbank"


def with_bias() -> dict:
    """The same study, each class from a hospital of its own; elsewhere the marks deceive.

    Half of the epochs are enough to tell the two apart.
    """
    values = yaml.safe_load(STUDY.read_text())
    values["classifiers"]["isnet"]["epochs"] //= 2
    development, external = (values["datasets"][name] for name in ("elmwood", "oakdale"))
    hospitals = dict.fromkeys(BIASED, development["phantoms"])
    hospitals[EXTERNAL] = external["phantoms"]
    datasets = {name: {"phantoms": own | {"hospital": name}} for name, own in hospitals.items()}
    roles = {"development": BIASED, "external": {EXTERNAL: [EXTERNAL]}}
    return values | roles | {"datasets": datasets}


def run(values: dict, folder: Path, command) -> dict:
    study = folder / "study.yaml"
    study.write_text(yaml.safe_dump(values))
    code, _, error = command("study", study, "--out", folder / "out")
    assert code == 0, error
    return json.loads((folder / "out" / "summary.json").read_text())


def test_without_bias_isnet_and_baseline_are_called_equal(tmp_path, command, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    summary = run(yaml.safe_load(STUDY.read_text()), tmp_path, command)
    verdict = summary["verdict"][0]
    assert verdict.startswith("On oakdale, isnet is equal (to within 0.05) to baseline"), verdict
    for tests in summary["classification"].values():
        assert min(own["macro_auc"] for own in tests.values()) > 0.9, "both learned the disease"


def test_with_bias_isnet_is_called_better(tmp_path, command, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    summary = run(with_bias(), tmp_path, command)
    verdict = summary["verdict"][0]
    assert verdict.startswith(f"On {EXTERNAL}, isnet is better than baseline"), verdict
