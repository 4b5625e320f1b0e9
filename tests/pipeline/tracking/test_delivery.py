"""A store that is lost does not stop a study; what it misses is delivered later, nothing twice."""

import shutil

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from isnet_cxr.pipeline.tracking import STORE, Tracker
from isnet_cxr.pipeline.tracking.run import Line, flatten

EPOCHS = [{"epoch": n, "train_loss": 1.0 / (n + 1), "val_loss": 2.0 / (n + 1)} for n in range(4)]


@pytest.fixture
def tracker(tmp_path, empty_store) -> Tracker:
    shutil.copy(empty_store, tmp_path / STORE)
    return Tracker(tmp_path, "a study")


def test_a_lost_line_tries_nothing_more():
    line, calls = Line(), []

    def fails() -> str:
        calls.append(1)
        raise MlflowException("gone\nfor good")

    assert [line.send(fails, "otherwise") for _ in range(3)] == ["otherwise"] * 3
    assert (line.lost, len(calls)) == ("gone", 1)


def test_a_bug_in_what_is_sent_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        Line().send(lambda: 1 / 0, None)


def test_what_a_lost_store_missed_is_delivered_once(tracker, tmp_path):
    run = tracker.run("isnet", name="isnet", digest="1")
    for step in (0, 1):
        run.log_metrics({"train_loss": 1.0, "val_loss": 2.0}, step=step)
    run.line.lost = "gone"
    run.log_metrics(EPOCHS[2], step=2)
    run.log_figures({"internal": {"accuracy": 0.5}})
    assert tracker.run("other", name="other", digest="1").run_id == ""
    for _ in range(2):  # the same command later, and again
        again = Tracker(tmp_path, "a study")
        delivered = again.run("isnet", name="isnet", digest="1")
        delivered.log_history(EPOCHS)
        delivered.log_figures({"internal": {"accuracy": 0.5}})
        assert again.run("other", name="other", digest="1").run_id
    client = MlflowClient(tracker.uri)
    history = client.get_metric_history(run.run_id, "val_loss")
    assert [point.step for point in history] == [0, 1, 2, 3]
    assert len(client.get_metric_history(run.run_id, "internal/accuracy")) == 1
    experiment = client.get_experiment_by_name("a study").experiment_id
    assert len(client.search_runs([experiment])) == 2


def test_images_are_inputs_once(tracker):
    columns = ["image_id", "dataset", "label", "view", "split", "mask_source", "mask_quality"]
    run = tracker.run("isnet", name="isnet", digest="1")
    for _ in range(2):
        run.log_images(
            pd.DataFrame({name: ["a"] for name in columns}), name="here", digest="1", role="testing"
        )
    assert len(MlflowClient(tracker.uri).get_run(run.run_id).inputs.dataset_inputs) == 1


def test_flatten_joins_keys():
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
