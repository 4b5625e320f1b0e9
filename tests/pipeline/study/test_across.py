"""A study with hospitals held out, through the command: trained, tested, reported, not repeated."""

import json
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from tests_layout import beyond_the_edge, has_browser  # beside this file, see conftest

pytestmark = pytest.mark.slow

HOW_TO = Path(__file__).parents[3] / "docs" / "howto-own-data.md"
HOSPITALS = ("elmwood", "hillcrest", "oakdale")
PER_CLASS = 14
LAYOUTS = ((703, True, "#nothing"), (400, False, ".scroll"), (1400, False, ".scroll"))
"""Width in px, whether printed (A4), and what may be scrolled."""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    datasets = {
        name: {"phantoms": {"hospital": name, "images_per_class": PER_CLASS, "seed": 5}}
        for name in HOSPITALS
    }
    values = {
        "name": "across",
        "classes": ["normal", "pneumonia", "covid"],
        "datasets": datasets,
        "development": list(HOSPITALS),
        "exclude_duplicates": False,
        "fractions": [0.4, 0.3, 0.3],
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 1, "batch_size": 8},
        "classifiers": {"baseline": {"method": "baseline"}},
        **as_documented(),
        "jobs": 2,
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def as_documented() -> dict:
    """The section as the how-to has it, one design of it, and no training on all hospitals."""
    text = HOW_TO.read_text().split("```yaml\nacross_hospitals")[1].split("```")[0]
    values = yaml.safe_load(f"across_hospitals{text}")
    values["across_hospitals"] |= {"designs": ["leave_one_out"], "only": ["baseline"]}
    return values


def test_every_hospital_is_held_out_and_a_second_run_repeats_nothing(
    study_file, command, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tmp_path / "out"
    code, said, _ = command("study", study_file, "--out", out, "--check-only")
    assert code == 0
    assert "without oakdale: trained on elmwood + hillcrest" in said
    code, said, _ = command("study", study_file, "--out", out)
    assert code == 0
    assert "3 trainings, 0 of them finished before" in said
    across = json.loads((out / "summary.json").read_text())["across"]
    folds = {fold["name"]: fold for fold in across["folds"]}
    assert set(folds) == {f"without {hospital}" for hospital in HOSPITALS}
    for hospital in HOSPITALS:
        fold = folds[f"without {hospital}"]
        assert fold["scores"]["baseline"][hospital]["n"] == 3 * PER_CLASS
        cell = fold["matrix"]["cells"]["baseline"][hospital]
        assert cell["ci95"][0] <= cell["value"] <= cell["ci95"][1]
        assert "gap" in cell
    page = (out / "report.html").read_text()
    assert 'id="across"' in page
    assert "Trained without the hospital it is tested at" in page
    check_mlflow(out)
    for width, print_, scrolled in LAYOUTS if has_browser() else ():
        page = out / "report.html"
        found = beyond_the_edge(page, width=width, print_=print_, scrolled=scrolled)
        assert found == []
    code, said, _ = command("study", study_file, "--out", out)
    assert "3 trainings, 3 of them finished before" in said


def check_mlflow(out: Path) -> None:
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("across")
    runs = {run.info.run_name: run.data for run in client.search_runs([experiment.experiment_id])}
    parent = runs.pop("across")
    for hospital in HOSPITALS:
        assert 0 <= parent.metrics[f"across/baseline/without {hospital}/{hospital}/auc"] <= 1
    assert "across/baseline/leave_one_out/worst_auc" in parent.metrics
    assert {run.tags["role"] for run in runs.values()} == {"across hospitals"}
    assert {run.tags["fold"] for run in runs.values()} == {f"without {one}" for one in HOSPITALS}
    one = runs["baseline, without oakdale, seed 0"].metrics
    assert "oakdale/macro_auc" in one
    assert "internal/macro_auc" in one
