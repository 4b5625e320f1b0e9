"""A served package predicts what the batch job does; wrong requests are told why, and no more."""

import asyncio
import json
import warnings
from base64 import b64decode
from collections.abc import Callable

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from serve import SECRET, request_of, wrong_requests

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.phantoms import EXTERNAL, make_phantom
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.serving import guard
from isnet_cxr.pipeline.serving.model import input_example, write_model

Ask = Callable[..., tuple[int, dict]]


@pytest.fixture(scope="module")
def loaded(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MLflow's advice
        return mlflow.pyfunc.load_model(str(model))


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    """A generated chest as files of two formats."""
    folder = tmp_path_factory.mktemp("chest")
    phantom = make_phantom(EXTERNAL[0], "covid", 1, seed=3)
    write_png(phantom.pixels, folder / "chest.png")
    spacing = (phantom.spacing_mm, phantom.spacing_mm)
    write_dicom(phantom.pixels, folder / "chest.dcm", spacing, patient_id=SECRET)
    return folder


@pytest.fixture(scope="module")
def ask(loaded) -> Ask:
    """MLflow's own application with the guard around it, asked without a network."""
    app = guard.Guard(scoring_server.init(loaded), limit=2_000_000)

    def send(body: bytes, *, kind: str = "application/json", told: int | None = None):
        answered: list[dict] = []
        size = str(len(body) if told is None else told).encode()
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/invocations",
            "raw_path": b"/invocations", "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(b"content-type", kind.encode()), (b"content-length", size)],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if given:
                return given.pop()
            await asyncio.sleep(3600)

        async def reply(message):
            answered.append(message)

        asyncio.run(app(scope, receive, reply))
        content = b"".join(message.get("body", b"") for message in answered)
        return answered[0]["status"], json.loads(content)

    return send


def test_nothing_is_pickled_and_no_place_is_told(model, package):
    names = {path.name for path in model.rglob("*")}
    assert "code.py" in names
    assert not any(name.endswith((".pkl", ".pickle")) for name in names)
    description = (model / "MLmodel").read_text()
    assert str(package.parent) not in description
    assert str(model.parent) not in description
    assert yaml.safe_load(description)["signature"]["inputs"]


@pytest.mark.parametrize("name", ["chest.png", "chest.dcm"])
def test_a_request_is_answered_as_the_batch_job_predicts(
    ask, chest, package, command, tmp_path, name
):
    out = tmp_path / "out"
    command("predict", chest / name, "--model", package, "--out", out, "--no-gate")
    batch = pd.read_csv(out / "predictions.csv").iloc[0]
    status, content = ask(request_of((chest / name).read_bytes(), refuse=False))
    assert status == 200, content
    (one,) = content["predictions"]
    assert (one["image_id"], one["predicted"]) == (batch["image_id"], batch["predicted"])
    for label, probability in one["probabilities"].items():
        assert probability == pytest.approx(batch[f"p_{label}"], rel=1e-5)
    assert one["relevance_inside_lungs"] == pytest.approx(batch["relevance_inside_lungs"], rel=1e-5)
    assert (one["gate"], one["mask_quality"]) == (batch["gate"], batch["mask_quality"])
    for kind in ("heatmap", "mask"):
        (written,) = (out / f"{kind}s").glob("*.png")
        assert b64decode(one[kind]) == written.read_bytes()
    assert one["calibrated"].keys() == one["probabilities"].keys()
    assert "Research use only" in one["note"]


def test_an_array_is_answered_as_the_file_it_was_read_from(ask, chest):
    pixels = read_image(chest / "chest.png").pixels
    rows = json.dumps({"dataframe_records": [{"pixels": pixels[0].astype(float).tolist()}]})
    _, by_array = ask(rows.encode())
    _, by_file = ask(request_of((chest / "chest.png").read_bytes()))
    assert by_array == by_file


def test_the_model_takes_bytes_and_arrays_in_python(loaded, chest):
    content = (chest / "chest.dcm").read_bytes()
    by_file = loaded.predict(pd.DataFrame({"image": [content, content]}))
    pixels = [row.astype(float) for row in read_image(chest / "chest.dcm").pixels[0]]
    by_array = loaded.predict(pd.DataFrame({"pixels": [pixels]}))
    assert by_file[0] == by_file[1] == by_array[0]


def test_the_example_is_a_good_request(loaded):
    assert loaded.predict(input_example())[0]["probabilities"]


def test_what_is_refused_has_no_prediction_unless_asked_for(ask):
    grey = [[0.5] * 40] * 40
    for params, predicted in (({}, False), ({"refuse": False}, True)):
        body = json.dumps({"dataframe_records": [{"pixels": grey}], "params": params})
        _, content = ask(body.encode())
        (one,) = content["predictions"]
        assert one["gate"] == "refused"
        assert one["gate_reason"]
        assert (one["probabilities"] is not None) == predicted


def test_pictures_are_left_out_and_another_class_explained_where_asked(ask, chest):
    content = (chest / "chest.png").read_bytes()
    _, found = ask(request_of(content, pictures=False, explained="normal", refuse=False))
    (one,) = found["predictions"]
    assert (one["mask"], one["heatmap"], one["explained"]) == (None, None, "normal")


def test_wrong_requests_are_refused_with_a_reason_and_nothing_else(ask, chest, caplog):
    good = (chest / "chest.png").read_bytes()
    for body, kind in wrong_requests(good, count=60, seed=0):
        status, content = ask(body, kind=kind)
        if status == 200:  # a damaged picture may still be one
            continue
        said = json.dumps(content)
        assert status in (400, 415), (body[:80], said)
        assert set(content) == {"error"}
        assert content["error"]
        assert SECRET not in said
        assert "Traceback" not in said
        assert len(said) < 400
    assert SECRET not in caplog.text


def test_a_damaged_dicom_file_tells_nothing_of_the_patient(ask, chest, caplog):
    whole = (chest / "chest.dcm").read_bytes()
    assert SECRET.encode() in whole
    for length in (200, 400, len(whole) // 2):
        status, content = ask(request_of(whole[:length]))
        assert status == 400
        assert content["error"].startswith("image 0: ")
        assert SECRET not in content["error"]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("told", [None, 10, 3_000_000])
def test_a_request_that_is_too_large_is_refused(ask, told):
    status, content = ask(b" " * 2_000_001, told=told)
    assert (status, content) == (413, {"error": "a request may have 2 MB"})


def test_an_error_of_ours_tells_its_type_alone(ask, loaded, chest, monkeypatch, caplog):
    served = loaded.unwrap_python_model()

    def fail(*_, **__):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(served._predictor, "predict", fail)
    body = request_of((chest / "chest.png").read_bytes(), refuse=False)
    assert ask(body) == (500, {"error": "internal error (RuntimeError)"})
    assert SECRET not in caplog.text
    assert "test_served.py" in caplog.text


def test_in_python_a_wrong_table_is_told_in_one_line(loaded):
    with pytest.raises(MlflowException, match="image 0: expected an image, got text"):
        loaded.predict(pd.DataFrame({"image": [b"no image at all"]}))
    with pytest.raises(MlflowException, match="numbers from 0"):
        loaded.predict(pd.DataFrame({"pixels": [np.full((8, 8), 255.0).tolist()]}))


def test_a_folder_in_use_and_a_wrong_package_are_refused(model, package, tmp_path):
    with pytest.raises(InputError, match="new or empty folder"):
        write_model(package, model)
    with pytest.raises(FileNotFoundError, match="no model package"):
        write_model(tmp_path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("told", "limit"), [("", 64), ("5", 5), ("0", 64), ("many", 64)])
def test_the_environment_sets_the_limit(monkeypatch, told, limit):
    monkeypatch.setenv(guard.LIMIT_VARIABLE, told)
    assert guard.request_limit() == limit * 1_000_000


def test_the_command_writes_the_model_and_says_how_it_is_served(command, package, tmp_path):
    code, out, said = command("served-model", package, "--out", tmp_path / "model")
    assert (code, said) == (0, "")
    assert f"--model-uri {tmp_path / 'model'}" in out
    assert (tmp_path / "model" / "MLmodel").is_file()
    code, _, said = command("served-model", tmp_path, "--out", tmp_path / "other")
    assert code == 2
    assert len(said.splitlines()) == 1
