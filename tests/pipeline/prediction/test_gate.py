"""What is no frontal chest is not predicted, is listed with its reason, and is counted."""

import csv
import json
import shutil

import numpy as np
import pydicom
import pytest

from isnet_cxr.data.gate.package import NUMBERS
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier
from isnet_cxr.pipeline.prediction.predictor import Predictor


@pytest.fixture
def mixed(images):
    """Three images to predict, a knee, a constant one, and a file that is no image."""
    generator = np.random.default_rng(9)
    write_dicom(generator.random((1, 40, 50), np.float32), images / "knee.dcm", None)
    dataset = pydicom.dcmread(images / "knee.dcm")
    dataset.BodyPartExamined = "KNEE"
    dataset.save_as(images / "knee.dcm")
    write_png(np.full((50, 40), 128, dtype=np.uint8), images / "grey.png")
    (images / "broken.png").write_bytes(b"not an image")
    return images


@pytest.fixture(scope="module")
def gated_package(classifier_package, tmp_path_factory):
    """The untrained classifier's package with statistics of generated chests."""
    from isnet_cxr.data.gate.package import write_gate
    from isnet_cxr.data.gate.statistics import fit_statistics
    from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, to_bytes

    hospital, settings = next(iter(HOSPITALS.values())), Preprocessing(size_px=32)
    chests = [make_phantom(hospital, "normal", number, seed=1).pixels for number in range(90)]
    squares = np.stack([to_bytes(prepare_image(pixels, settings)[0]) for pixels in chests])
    masks = np.zeros_like(squares)
    fitted = fit_statistics((squares[:70], masks[:70]), (squares[70:], masks[70:]), seed=0)
    package = tmp_path_factory.mktemp("gated") / "package"
    shutil.copytree(classifier_package, package)
    write_gate(fitted, package)
    return package


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("words", [("predict",), ("classify", "explain")])
def test_predicted_refused_and_failed_add_up(command, mixed, classifier_package, tmp_path, words):
    out = tmp_path / "out"
    code, _, said = command(*words, mixed, "--model", classifier_package, "--out", out)
    assert code == 3, said
    assert "6 files found: 3 predicted, 1 failed, 2 refused, 0 ignored" in said
    refused = {row["path"]: row["reason"] for row in rows(out / "refused.csv")}
    assert set(refused) == {"knee.dcm", "grey.png"}
    assert "body part knee" in refused["knee.dcm"]
    assert "one grey value" in refused["grey.png"]
    predicted, failed = rows(out / "predictions.csv"), rows(out / "failures.csv")
    assert (len(predicted), len(failed)) == (3, 1)
    assert len(predicted) + len(refused) + len(failed) == len(list(mixed.iterdir()))
    assert len(list((out / "heatmaps").iterdir())) == 3
    assert {row["gate"] for row in predicted} == {"frontal chest"}
    assert all("no gate statistics" in row["gate_reason"] for row in predicted)


def test_without_the_gate_all_are_predicted_and_the_verdict_stands_beside(
    command, mixed, classifier_package, tmp_path
):
    out = tmp_path / "out"
    command("predict", mixed, "--model", classifier_package, "--out", out, "--no-gate")
    found = {row["image_id"]: row["gate"] for row in rows(out / "predictions.csv")}
    assert sorted(found.values()) == ["frontal chest"] * 3 + ["refused"] * 2
    assert rows(out / "refused.csv") == []


def test_where_all_are_refused_nothing_is_predicted(command, mixed, classifier_package, tmp_path):
    out = tmp_path / "out"
    code, _, _ = command("predict", mixed / "knee.dcm", "--model", classifier_package, "--out", out)
    assert code == 3
    assert rows(out / "predictions.csv") == rows(out / "files.csv") == []
    assert len(rows(out / "refused.csv")) == 1


def test_statistics_of_the_package_stop_what_is_unlike_its_development_set(
    command, images, gated_package, tmp_path
):
    phantom = make_phantom(next(iter(HOSPITALS.values())), "normal", 200, seed=1)
    write_png(phantom.pixels, images / "chest.png")
    out = tmp_path / "out"
    command("predict", images, "--model", gated_package, "--out", out)
    names = {row["file"] for row in rows(out / "files.csv")}
    assert names == {"chest.png"}  # the others are noise
    assert len(rows(out / "refused.csv")) == 3


def test_damaged_statistics_are_told_in_one_line(command, images, gated_package, tmp_path):
    package = shutil.copytree(gated_package, tmp_path / "package")
    (package / NUMBERS).write_text("{")
    code, _, said = command("predict", images, "--model", package, "--out", tmp_path / "out")
    assert code == 2
    assert len(said.splitlines()) == 1
    assert NUMBERS in said


def test_a_test_drops_no_image_and_has_the_verdict_as_a_column(gated_package, write_images):
    manifest = read_manifest(write_images("one", count=4))
    frame = evaluate_classifier(gated_package, manifest, cache=None, progress=False)
    assert len(frame) == 4
    assert set(frame["gate"]) <= {"doubtful", "refused"}


def test_the_library_judges_one_image(gated_package):
    from isnet_cxr.data.readers import Radiograph

    predictor = Predictor.load(gated_package)
    pixels = make_phantom(next(iter(HOSPITALS.values())), "normal", 300, seed=1).pixels
    assert predictor.judge(Radiograph(pixels), None).name == "frontal chest"
    turned = Radiograph(np.ascontiguousarray(pixels[:, ::-1]))
    assert predictor.judge(turned, None).name == "refused"


def test_the_command_counts_verdicts_by_folder_and_position(
    command, mixed, gated_package, tmp_path
):
    chests = tmp_path / "chests"
    for number in range(400, 406):
        phantom = make_phantom(next(iter(HOSPITALS.values())), "normal", number, seed=1)
        write_png(phantom.pixels, chests / f"{number}.png")
    arguments = (chests, mixed, "--model", gated_package, "--turned", "--device", "cpu")
    code, said, _ = command("gate", *arguments, "--json")
    assert code == 3, "one file is no image"
    counted = {(row["folder"], row["shown"]): row for row in json.loads(said)}
    assert counted[str(chests), "as it is"]["verdicts"].get("refused", 0) == 0
    assert counted[str(chests), "upside down"]["verdicts"] == {"refused": 6}
    assert counted[str(mixed), "as it is"]["unread"] == 1
    assert sum(counted[str(mixed), "as it is"]["verdicts"].values()) == 5
    code, said, _ = command("gate", *arguments[:1], *arguments[2:4], "--cut", "--json")
    counted = {row["shown"]: row["verdicts"] for row in json.loads(said)}
    assert len(counted) == 7
    assert counted["left half"].get("frontal chest", 0) == 0
    assert counted["upper third"].get("frontal chest", 0) == 0
    code, said, _ = command("gate", *arguments, "--at-most", 2)
    assert "chests, as it is" in said


def test_the_command_names_every_file_where_it_is_asked_to(command, mixed, gated_package):
    arguments = (mixed, "--model", gated_package, "--device", "cpu", "--list")
    code, said, warned = command("gate", *arguments, "--json")
    listed = json.loads(said)
    (counted,) = listed["folders"]
    assert (code, warned) == (3, "")
    assert len(listed["files"]) == counted["images"] + counted["unread"] == 6
    for verdict, images in counted["verdicts"].items():
        assert sum(one["verdict"] == verdict for one in listed["files"]) == images
    assert all(one["reason"] for one in listed["files"] if one["verdict"] != "frontal chest")
    _, said, _ = command("gate", *arguments)
    assert all(one["file"] in said for one in listed["files"])


def test_the_command_says_once_that_there_are_no_statistics(command, mixed, classifier_package):
    _, said, warned = command("gate", mixed, "--model", classifier_package, "--device", "cpu")
    assert warned.count("no gate statistics") == 1
    assert "no gate statistics" not in said
