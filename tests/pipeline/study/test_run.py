"""A whole study on a handful of phantoms: done once, continued when killed, the same every time."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from tests_killing import kill_at  # beside this file, see conftest
from tests_layout import beyond_the_edge, has_browser  # beside this file, see conftest

from isnet_cxr.data.bias import CLASS_MARK_TESTS
from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.data.phantoms import HOSPITALS, make_hospital
from isnet_cxr.pipeline.config import CONTROL, load_study
from isnet_cxr.pipeline.study.outline import figures_table
from isnet_cxr.pipeline.study.run import Finished, run_study

pytestmark = pytest.mark.slow

CLASSES = ("normal", "pneumonia", "covid")
PER_CLASS = {"northgate": 14, "riverside": 14, "lakeview": 14, "hillcrest": 3, "elmwood": 8}
DEVELOPMENT = ["northgate", "riverside", "lakeview"]


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of seconds; its lung masks are rough, its classifiers learn nothing."""
    folder = tmp_path_factory.mktemp("hospitals")
    for name, per_class in PER_CLASS.items():
        hospital = HOSPITALS[name]
        counts = dict.fromkeys((label for label in CLASSES if label in hospital.looks), per_class)
        images = make_hospital(hospital, folder / name, counts=counts, seed=1, suffix="png")
        write_manifest(_split(images), folder / name / "manifest.csv")
    values = {
        "name": "tiny",
        "classes": list(CLASSES),
        "datasets": {name: {"manifest": f"{name}/manifest.csv"} for name in PER_CLASS},
        "segmentation": {
            "train": ["elmwood"],
            "test": ["hillcrest"],
            "replace": "missing",  # rough masks would leave too few images to train on
            "settings": {
                "preprocessing": {"size_px": 48},
                "network": {"channels": [4, 8, 8]},
                "epochs": 30,
                "batch_size": 4,
                "learning_rate": 0.01,
            },
        },
        "development": DEVELOPMENT,
        "external": {"away": ["hillcrest"]},
        "exclude_duplicates": False,
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 3, "batch_size": 8},
        "classifiers": {
            "baseline": {"method": "baseline"},
            "isnet": {"method": "isnet", "isnet": {"foreground_range": [1.0, 25.0]}},
            "alone": {"method": "baseline", "epochs": 1},
        },
        "bias_tests": {
            "corners": {"classifiers": ["baseline", "alone"], "only": ["alone"]},
            "beside_lungs": {"classifiers": ["alone"]},
        },
        "compare": [["isnet", "baseline"]],
        "jobs": 2,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def _split(images: pd.DataFrame) -> pd.DataFrame:
    """Deal the patients of every class out, so that no split lacks a class."""
    dealt = images.groupby("label")["patient_id"].transform(lambda ids: pd.factorize(ids)[0] % 4)
    return images.assign(split=dealt.map({0: "train", 1: "train", 2: "val", 3: "test"}))


@pytest.fixture(scope="module")
def store() -> pytest.MonkeyPatch:
    """Keep the runs in the study's own folder, whatever the environment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield patch


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "out"


@pytest.fixture(scope="module")
def finished(study_file: Path, out: Path, store: pytest.MonkeyPatch) -> Finished:
    return run_study(load_study(study_file), out, say=lambda _: None, progress=False)


def weights_in(out: Path) -> dict[str, int]:
    return {
        str(path.relative_to(out)): path.stat().st_mtime_ns
        for path in out.rglob("*.safetensors")
        if "mlartifacts" not in path.parts
    }


def test_every_classifier_is_scored_on_every_test(finished):
    for by_test in finished.summary["classification"].values():
        assert set(by_test) == {"internal", "away"}
        for figures in by_test.values():
            assert set(figures["seeds"]) == {"0"}
            assert sum(map(sum, figures["confusion"])) == figures["n"]
            assert 0 <= figures["ci95"]["accuracy"][0] <= figures["ci95"]["accuracy"][1] <= 1
    assert set(finished.summary["segmentation"]) == {"elmwood", "hillcrest"}
    assert set(finished.summary["bias"]) == {"corners", "beside_lungs"}
    assert set(finished.summary["bias"]["corners"]) == {"baseline", "alone"}
    assert set(finished.summary["bias"]["corners"]["baseline"]) == set(CLASS_MARK_TESTS)
    assert set(finished.summary["classification"]) == {"baseline", "isnet", CONTROL}


def test_the_control_divides_every_test_into_two_groups(finished):
    for test, groups in finished.summary["conflict"].items():
        assert set(groups) <= {"aligned", "conflict"}
        for classifiers in groups.values():
            assert set(classifiers) == {"baseline", "isnet", CONTROL}
        sizes = {group: own["baseline"]["n"] for group, own in groups.items()}
        assert sum(sizes.values()) == finished.summary["classification"]["baseline"][test]["n"]


def test_both_groups_are_asked_about_with_other_backgrounds(finished):
    summary = finished.summary
    for test, groups in summary["exchanged"].items():
        for group, own in groups.items():
            assert set(own["classifiers"]) == {"baseline", "isnet", CONTROL}
            assert 0 < own["images"] <= summary["conflict"][test][group]["baseline"]["n"]
    assert "Is it the background that divides them?" in finished.report.read_text()


def test_the_summary_is_what_stands_in_the_file(finished, out):
    assert json.loads((out / "summary.json").read_text()) == finished.summary


def test_the_report_needs_no_other_file(finished):
    page = finished.report.read_text()
    assert "http://" not in page
    assert "https://" not in page
    assert 'src="' in page
    assert all(part.startswith("data:image/") for part in page.split('src="')[1:])
    assert "Not a medical device" in page


@pytest.mark.skipif(not has_browser(), reason="chromium or chromedriver is missing")
@pytest.mark.parametrize(
    ("width", "print_", "scrolled"),
    [(703, True, "#nothing"), (400, False, ".scroll"), (1400, False, ".scroll")],
    ids=["A4", "phone", "desk"],
)
def test_nothing_of_the_report_stands_beyond_the_edge(finished, width, print_, scrolled):
    found = beyond_the_edge(finished.report, width=width, print_=print_, scrolled=scrolled)
    assert found == [], "on paper nothing can be scrolled"


def test_a_study_of_a_bias_test_alone_has_a_report_too(study_file, store, tmp_path):
    values = yaml.safe_load(study_file.read_text())
    del values["segmentation"], values["compare"]
    values["external"] = {}
    values["classifiers"] = {"alone": {"method": "baseline", "epochs": 1}}
    values["bias_tests"] = {"corners": {"classifiers": ["alone"], "only": ["alone"]}}
    path = study_file.with_name("marked.yaml")
    path.write_text(yaml.safe_dump(values))
    marked = run_study(load_study(path), tmp_path / "out", say=lambda _: None, progress=False)
    assert not marked.summary["classification"]
    assert figures_table(marked.summary).row_count == len(CLASS_MARK_TESTS)
    page = marked.report.read_text()
    assert 'href="#bias"' in page
    assert 'href="#cross"' not in page


def test_the_report_names_neither_places_nor_patients(finished, study_file):
    page = finished.report.read_text()
    assert str(study_file.parent) not in page
    assert "phantom-" not in page


def test_mlflow_has_a_run_below_the_studys_for_every_training(finished):
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    names = {
        "tiny",
        "lungs",
        "baseline seed 0",
        "isnet seed 0",
        f"{CONTROL} seed 0",
        "baseline with corners seed 0",
        "alone with corners seed 0",
        "alone with beside_lungs seed 0",
    }
    assert set(runs) == names
    parent = runs.pop("tiny").info.run_id
    assert {run.data.tags[MLFLOW_PARENT_RUN_ID] for run in runs.values()} == {parent}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    isnet = runs["isnet seed 0"].info.run_id
    assert [m.step for m in client.get_metric_history(isnet, "val_loss")] == [0, 1, 2]
    kept = {file.path for file in client.list_artifacts(isnet)}
    assert kept == {"evidence.json", "figures", "package"}


def test_two_classifiers_can_be_compared_by_the_names_of_their_figures(finished):
    client = MlflowClient(finished.tracking_uri)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    named = 'metrics."away/reliance/exchange" > -9'
    runs = client.search_runs([experiment], named, order_by=['metrics."over seeds/away/auc" DESC'])
    names = {run.info.run_name: set(run.data.metrics) for run in runs}
    assert set(names) == {"baseline seed 0", "isnet seed 0", f"{CONTROL} seed 0"}
    for name in ("away/pointing/covid/hits", "heatmaps/noise/rank", "over seeds/away/gap"):
        assert name in names["baseline seed 0"] & names["isnet seed 0"]
    groups = {name for name in names["isnet seed 0"] if "/conflict/" in name}
    assert groups == {name for name in names["baseline seed 0"] if "/conflict/" in name}


def test_heatmaps_are_checked_against_boxes_and_for_sanity(finished):
    pointing = finished.summary["pointing"]
    assert set(pointing) == {"internal", "away"}
    assert set(pointing["away"]) == {"pneumonia", "covid", "all"}, "normal images have no boxes"
    assert set(pointing["away"]["covid"]) == {"baseline", "isnet"}
    assert set(finished.summary["sanity"]) == {"baseline", "isnet"}
    page = finished.report.read_text()
    assert 'id="sanity"' in page
    assert "Do the heatmaps point at the finding?" in page


def test_a_classifiers_package_carries_the_lung_segmenter(finished, out):
    package = out / "classifiers" / "isnet" / "seed-0" / "learning" / "package"
    assert (package / "weights.safetensors").is_file()
    assert (package / "lungs" / "weights.safetensors").is_file()


def test_a_finished_study_repeats_nothing(finished, out, study_file):
    before, said = weights_in(out), []
    again = run_study(load_study(study_file), out, say=said.append, progress=False)
    assert again.summary == finished.summary
    assert weights_in(out) == before
    assert "6 trainings, 6 of them finished before" in said
    assert not any("epoch" in line for line in said)


def test_a_killed_study_goes_on_and_comes_to_the_same_figures(finished, study_file, tmp_path):
    out = tmp_path / "out"
    kill_at("seed 0: epoch 1/3", study_file, out)
    assert not (out / "summary.json").exists()
    lungs = (out / "lungs" / "segmenter" / "package" / "weights.safetensors").stat().st_mtime_ns
    done = run_study(load_study(study_file), out, say=lambda _: None, progress=False)
    assert done.summary == finished.summary
    path = out / "lungs" / "segmenter" / "package" / "weights.safetensors"
    assert path.stat().st_mtime_ns == lungs


def test_changed_settings_repeat_only_what_they_change(finished, out, study_file):
    values = yaml.safe_load(study_file.read_text())
    values["classifiers"]["isnet"]["learning_rate"] = 0.001
    changed = study_file.with_name("changed.yaml")
    changed.write_text(yaml.safe_dump(values))
    before = weights_in(out)
    run_study(load_study(changed), out, say=lambda _: None, progress=False)
    moved = {path for path, time in weights_in(out).items() if before[path] != time}
    assert moved
    assert all(path.startswith("classifiers/isnet/") for path in moved)
