"""``predict --send``: objects go to an archive once, and one that is away costs no prediction."""

import csv
import json
import socket

import pytest

pytest.importorskip("highdicom", reason="the extra dicom is not installed")
pytest.importorskip("pynetdicom", reason="the extra dicom is not installed")

from isnet_cxr.data.phantoms import EXTERNAL
from isnet_cxr.data.phantoms.generate import make_phantom
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS


@pytest.fixture(autouse=True)
def _own_outputs(monkeypatch):
    monkeypatch.setattr(OUTPUTS, "_entries", dict(OUTPUTS))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three images in DICOM."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        chest = make_phantom(EXTERNAL[0], "pneumonia", number, seed=5)
        write_dicom(
            chest.pixels, folder / f"Jane-{number}.dcm", (0.4, 0.7), view="PA", patient_id="Jane"
        )
    return folder


@pytest.fixture
def predict(command, images, classifier_package, tmp_path):
    """Predict, and send to an address; return exit code, all that was said, and ``run.json``."""

    def run(to, *options, at=images, kinds="sr"):
        code, said, error = command(
            "predict", at, "--model", classifier_package, "--out", tmp_path / "out", "--device",
            "cpu", "--dicom", kinds, "--send", to, *options,
        )  # fmt: skip
        path = tmp_path / "out" / "run.json"
        return code, said + error, json.loads(path.read_text()) if path.is_file() else None

    return run


def nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"NODE@127.0.0.1:{free.getsockname()[1]}"


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_was_predicted_is_sent_once(predict, images, tmp_path, dicom_node):
    got = []

    def take(event):
        got.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    with dicom_node(take) as (to, _):
        code, said, record = predict(to)
        assert (code, record["exit_code"]) == (0, 0)
        assert f"{to}: 3 files: 3 sent, 0 sent before, 0 failed" in said
        assert record["sending"] == {"sent": 3, "sent_before": 0, "failed": 0, "reason": ""}
        code, said, record = predict(to)
    assert (code, record["sending"]["sent_before"]) == (0, 3)
    assert len(got) == len(set(got)) == 3
    assert {row["sop_instance_uid"] for row in rows(tmp_path / "out/dicom/sent.csv")} == set(got)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom's
def test_an_archive_that_is_away_costs_no_prediction_and_gets_the_rest_later(
    predict, tmp_path, dicom_node
):
    to = nobody()
    code, said, record = predict(to)
    assert (code, record["exit_code"]) == (3, 3)
    assert "3 predicted, 0 failed" in said
    assert f"{to}: nobody answers" in said or f"{to}: no answer" in said
    assert (record["sending"]["sent"], record["sending"]["failed"]) == (0, 3)
    assert len(rows(tmp_path / "out" / "predictions.csv")) == 3
    assert len(rows(tmp_path / "out" / "dicom" / "not-sent.csv")) == 3
    before = (tmp_path / "out" / "predictions.csv").read_bytes()
    with dicom_node(lambda _: 0) as (other, _):
        code, _, record = predict(other)
    assert (code, record["exit_code"], record["sending"]["sent"]) == (0, 0, 3)
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == before
    assert rows(tmp_path / "out" / "dicom" / "not-sent.csv") == []


def test_what_is_refused_is_listed_and_the_exit_code_says_it(predict, tmp_path, dicom_node):
    answers = iter([0, 0xA700, 0])
    with dicom_node(lambda _: next(answers)) as (to, _):
        code, said, record = predict(to, "--json")
    assert (code, record["exit_code"]) == (3, 3)
    assert json.loads(said[said.index("{") : said.rindex("}") + 1]) == record
    [refused] = rows(tmp_path / "out" / "dicom" / "not-sent.csv")
    assert refused["reason"] == "refused with status 0xA700"
    assert "Jane" not in refused["path"]


def test_what_cannot_be_sent_is_refused_before_anything_is_predicted(predict, tmp_path):
    for to, kinds, expected in (
        ("pacs", "sr", "no address, expected AET@host:port"),
        (nobody(), "", "--send: nothing to send without --dicom"),
    ):
        code, said, record = predict(to, kinds=kinds)
        assert (code, record) == (2, None)
        assert expected in said
    assert not (tmp_path / "out").exists()


def test_images_without_objects_are_nothing_to_send(predict, tmp_path):
    chest = make_phantom(EXTERNAL[0], "pneumonia", 0, seed=5)
    write_png(chest.pixels, tmp_path / "pictures" / "one.png")
    code, said, record = predict(nobody(), at=tmp_path / "pictures")
    assert (code, record["sending"]["sent"]) == (0, 0)
    assert "no objects to send" in said
