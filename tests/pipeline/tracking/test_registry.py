"""A study's champion in the registry, found where the study was moved, carried to another store."""

import json
import shutil
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.study.champion import choose_champion
from isnet_cxr.pipeline.study.registering import register_champion, register_study
from isnet_cxr.pipeline.tracking import CHAMPION, STORE, Tracker
from isnet_cxr.pipeline.tracking.exporting import CONTENT, export_runs
from isnet_cxr.pipeline.tracking.importing import import_runs
from isnet_cxr.pipeline.tracking.places import correct_places

PACKAGE = Path(__file__).parents[1] / "prediction" / "packages" / "schema-2"
COLUMNS = ["image_id", "dataset", "label", "view", "split", "mask_source", "mask_quality"]
STUDY = "one/two study"


def figures(internal: float, far: float, *, lowest_auc: float = 0.7) -> dict:
    bounds = {"macro_auc": [lowest_auc, 0.95]}
    return {
        "internal": {"macro_f1": internal, "seeds": {"0": {}}, "ci95": {}},
        "far": {"macro_f1": far, "ci95": bounds},
    }


def write_study(out: Path, empty_store: Path, *, far: float = 0.85) -> dict:
    """A folder as a finished study leaves it, with one classifier and its runs."""
    shutil.copytree(PACKAGE, out / "classifiers" / "vit" / "seed-0" / "learning" / "package")
    shutil.copy(empty_store, out / STORE)
    summary = {"study": STUDY, "classification": {"vit": figures(0.9, far)}}
    (out / "summary.json").write_text(json.dumps(summary))
    tracker = Tracker(out, STUDY)
    parent = tracker.run("study", name=STUDY, digest="1", description="What it is.")
    with parent.ending():
        parent.log_params({"seeds": [0], "defaults": {"epochs": 3}})
        parent.log_file(out / "summary.json")
        tags = {"classifier": "vit"}
        started = tracker.run("vit seed 0", name="vit", digest="1", parent=parent, tags=tags)
        with started.ending() as run:
            run.log_history([{"epoch": n, "val_loss": 1.0 / (n + 1)} for n in range(3)])
            images = pd.DataFrame({name: ["a"] for name in COLUMNS})
            run.log_images(images, name="here", digest="1", role="testing")
    return summary


@pytest.fixture
def study(tmp_path, empty_store) -> Path:
    write_study(tmp_path / "study", empty_store)
    return tmp_path / "study"


def test_runs_say_where_they_come_from_and_the_experiment_is_one_of_training(study):
    tracker = Tracker(study, STUDY)
    experiment = tracker.client.get_experiment(tracker.experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    tags = tracker.client.get_run(tracker.run_id("vit seed 0")).data.tags
    assert tags["classifier"] == "vit"
    assert {"version", "mlflow.source.name"} <= set(tags)
    parent = tracker.client.get_run(tracker.run_id("study")).data
    assert parent.params == {"seeds": "[0]", "defaults.epochs": "3"}
    assert parent.tags["mlflow.note.content"] == "What it is."


def test_an_experiment_of_before_becomes_one_of_training(tmp_path, empty_store):
    shutil.copy(empty_store, tmp_path / STORE)
    uri = f"sqlite:///{tmp_path / STORE}"
    number = MlflowClient(uri).create_experiment(STUDY)
    Tracker(tmp_path, STUDY)
    tags = MlflowClient(uri).get_experiment(number).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_champion_is_registered_once_with_signature_and_example(study):
    found = [register_study(study) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].is_champion
    client = MlflowClient(f"sqlite:///{study / STORE}")
    (version,) = client.search_model_versions()
    assert (version.name, version.tags["classifier"]) == ("one-two study", "vit")
    assert client.get_model_version_by_alias(version.name, CHAMPION).version == version.version
    assert "external test far" in version.description
    (model,) = client.search_logged_models([client.get_experiment_by_name(STUDY).experiment_id])
    assert model.source_run_id == version.run_id
    place = Path(model.artifact_location.removeprefix("file://"))
    description = yaml.safe_load((place / "MLmodel").read_text())
    assert description["model_id"] == model.model_id
    assert '"image"' in description["signature"]["inputs"]
    assert (place / "input_example.json").is_file()


def test_what_an_interruption_left_is_removed(study, monkeypatch):
    def gone(*_):
        raise MlflowException("gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "finalize_logged_model", gone)
        with pytest.raises(InputError, match="MLflow store: gone"):
            register_study(study)
    register_study(study)
    client = MlflowClient(f"sqlite:///{study / STORE}")
    assert len(client.search_model_versions()) == 1
    assert (
        len(client.search_logged_models([client.get_experiment_by_name(STUDY).experiment_id])) == 1
    )


def test_a_store_that_is_lost_costs_the_study_nothing(study):
    tracker = Tracker(study, STUDY)
    tracker.line.lost = "gone"
    assert (
        register_champion(tracker, json.loads((study / "summary.json").read_text()), study) is None
    )


def test_without_an_alias_where_a_test_is_failed(tmp_path, empty_store):
    write_study(tmp_path, empty_store, far=0.5)
    found = register_study(tmp_path)
    assert not found.is_champion
    client = MlflowClient(f"sqlite:///{tmp_path / STORE}")
    assert client.get_registered_model(found.name).aliases == {}
    (version,) = client.search_model_versions()
    assert "Not the champion: external test far: macro F1 0.50, 0.90 before" in version.description


def classified(out: Path, **validation: float) -> None:
    for name, figure in validation.items():
        package = out / "classifiers" / name / "seed-0" / "learning" / "package"
        package.mkdir(parents=True)
        (package / "metrics.json").write_text(json.dumps({"best_val_macro_auc": figure}))


def test_who_may_be_at_chance_elsewhere_does_not_pass(tmp_path):
    classified(tmp_path, isnet=0.9, baseline=0.99)
    tested = {"isnet": figures(0.9, 0.85), "baseline": figures(0.9, 0.85, lowest_auc=0.44)}
    assert choose_champion({"classification": tested}, tmp_path).classifier == "isnet"
    del tested["isnet"]
    alone = choose_champion({"classification": tested}, tmp_path)
    assert "external test far: its AUC may be chance" in alone.failed


def test_the_rule_takes_the_best_by_validation_of_those_that_pass(tmp_path):
    classified(tmp_path, isnet=0.9, baseline=0.99, exchange=0.8)
    plain = {name: figures(0.9, 0.85) for name in ("isnet", "baseline", "exchange")}
    control = {"background only": figures(1.0, 1.0)}
    marks = {
        "isnet": {test: {"macro_f1": 0.9} for test in ("biased", "unbiased", "deceiving")},
        "baseline": {"biased": {"macro_f1": 1.0}, "deceiving": {"macro_f1": 0.1}},
    }
    without = {"classification": plain | control}
    assert choose_champion(without, tmp_path).classifier == "baseline"
    chosen = choose_champion({**without, "bias": {"corners": marks}}, tmp_path)
    assert (chosen.classifier, chosen.failed) == ("isnet", "")
    assert chosen.looked_at == ("bias test corners", "external test far")
    far = {name: figures(0.9, 0.2) for name in plain}
    chosen = choose_champion({"classification": far}, tmp_path)
    assert (chosen.classifier, chosen.failed) == (
        "baseline", "external test far: macro F1 0.20, 0.90 before",
    )  # fmt: skip
    at_home = {"internal": figures(1.0, 1.0)["internal"]}
    nothing = {"classification": {"isnet": at_home}}
    assert "no bias test and no external test" in choose_champion(nothing, tmp_path).failed
    assert choose_champion({"classification": control}, tmp_path) is None


def test_a_study_that_was_moved_or_copied_finds_its_artifacts(study, tmp_path):
    registered = register_study(study)
    copied = Path(shutil.copytree(study, tmp_path / "copy of it"))
    moved = Path(shutil.move(study, tmp_path / "else where"))
    for place in (copied, moved):
        tracker = Tracker(place, STUDY)
        (kept,) = tracker.client.list_artifacts(tracker.run_id("study"))
        assert kept.path == "summary.json"
        uri = tracker.client.get_run(tracker.run_id("study")).info.artifact_uri
        assert uri.startswith(place.as_uri())
        assert correct_places(place / STORE, place / "mlartifacts") == 0
    (version,) = tracker.client.search_model_versions()
    assert version.name == registered.name
    model = tracker.client.get_logged_model(version.source.removeprefix("models:/"))
    place = Path(unquote(model.artifact_location.removeprefix("file://")))
    assert place.is_relative_to(moved)
    assert (place / "MLmodel").is_file()


def test_exported_runs_are_imported_once(study, tmp_path, empty_store):
    register_study(study)
    out, other = tmp_path / "carried", tmp_path / "server.db"
    assert export_runs(study, out) == 2
    shutil.copy(empty_store, other)
    uri = f"sqlite:///{other}"
    MlflowClient(uri).create_experiment(STUDY, artifact_location=(tmp_path / "kept").as_uri())
    assert [import_runs(out, uri) for _ in range(2)] == [(2, 2), (2, 0)]
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(STUDY).experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert set(runs) == {STUDY, "vit"}
    assert len(client.search_runs([experiment])) == 2
    child = runs["vit"]
    assert child.data.tags["mlflow.parentRunId"] == runs[STUDY].info.run_id
    assert child.info.status == "FINISHED"
    history = client.get_metric_history(child.info.run_id, "val_loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert [one.dataset.name for one in child.inputs.dataset_inputs] == ["here"]
    assert [file.path for file in client.list_artifacts(runs[STUDY].info.run_id)] == [
        "summary.json"
    ]
    (version,) = client.search_model_versions()
    assert version.run_id == child.info.run_id
    assert client.get_model_version_by_alias(version.name, CHAMPION).version == version.version
    assert len(client.search_logged_models([experiment])) == 1


def test_an_import_that_was_interrupted_goes_on(study, tmp_path, empty_store, monkeypatch):
    out, other = tmp_path / "carried", tmp_path / "server.db"
    export_runs(study, out)
    shutil.copy(empty_store, other)
    uri = f"sqlite:///{other}"
    MlflowClient(uri).create_experiment(STUDY, artifact_location=(tmp_path / "kept").as_uri())

    def gone(*_):
        raise MlflowException("gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_inputs", gone)
        with pytest.raises(InputError, match="gone"):
            import_runs(out, uri)
    assert import_runs(out, uri)[0] == 2
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(STUDY).experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert len(client.search_runs([experiment])) == 2
    assert len(client.get_metric_history(runs["vit"].info.run_id, "val_loss")) == 3


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": 9, "runs": [], "registered": []}',
    '{"version": 1, "runs": [{"id": "../.."}], "registered": [], "experiment": "x"}'])  # fmt: skip
def test_what_is_no_export_is_told(tmp_path, content):
    (tmp_path / CONTENT).write_text(content)
    with pytest.raises(InputError, match=CONTENT):
        import_runs(tmp_path, f"sqlite:///{tmp_path / STORE}")
    assert not (tmp_path / STORE).exists()


def test_the_commands_say_what_is_missing(command, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for words in (("register", tmp_path), ("export", tmp_path, "--out", tmp_path / "out"),
                  ("import", tmp_path)):  # fmt: skip
        code, _, said = command("runs", *words)
        assert code == 2
        assert len(said.splitlines()) == 1
