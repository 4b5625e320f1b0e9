"""``predict --dicom``: objects beside the tables, for every image that came from DICOM."""

import csv

import numpy as np
import pydicom
import pytest

pytest.importorskip("highdicom", reason="the extra dicom is not installed")

import highdicom as hd

from isnet_cxr.data.phantoms import EXTERNAL
from isnet_cxr.data.phantoms.generate import make_phantom
from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.segmentation.segmenter import LungMask


@pytest.fixture(autouse=True)
def _own_outputs(monkeypatch):
    monkeypatch.setattr(OUTPUTS, "_entries", dict(OUTPUTS))


@pytest.fixture(scope="module")
def chest():
    return make_phantom(EXTERNAL[0], "pneumonia", 3, seed=5)


@pytest.fixture
def images(chest, tmp_path):
    """A MONOCHROME1 and a MONOCHROME2 file, and a PNG."""
    folder = tmp_path / "images"
    for name, photometric in (("one", "MONOCHROME1"), ("two", "MONOCHROME2")):
        pixels = np.ascontiguousarray(chest.pixels[..., 3:] if name == "one" else chest.pixels)
        write_dicom(
            pixels, folder / f"Jane-{name}.dcm", (0.4, 0.7), view="PA", patient_id="Jane",
            photometric=photometric,
        )  # fmt: skip
    write_png(chest.pixels[..., 5:], folder / "third.png")
    return folder


@pytest.fixture
def lungs_found(chest, monkeypatch):
    """Stand in for a lung segmenter: it finds the lungs that were drawn."""

    def segment(_, pixels):
        mask = np.ascontiguousarray(chest.mask[:, chest.mask.shape[1] - pixels.shape[2] :])
        return LungMask(mask, "good", ())

    monkeypatch.setattr(Predictor, "segment", segment)


@pytest.fixture
def predict(command, images, classifier_package, tmp_path):
    def run(*options, into="out", at=images):
        out = tmp_path / into
        code, said, error = command(
            "predict", at, "--model", classifier_package, "--out", out, *options
        )
        assert code == 0, error
        with (out / "predictions.csv").open() as stream:
            return out, said, list(csv.DictReader(stream))

    return run


def objects_of(out):
    """Return all objects, by the number of their source and their kind."""
    found = {}
    for path in sorted((out / "dicom").iterdir()):
        dataset = pydicom.dcmread(path)
        (source,) = {e.value for e in dataset.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        found[source, path.stem.split("-")[-1]] = path
    return found


def test_every_image_from_dicom_has_its_objects_and_others_are_counted(
    predict, images, lungs_found
):
    out, said, rows = predict("--dicom", "seg,sc,sr")
    sources = [str(pydicom.dcmread(path).SOPInstanceUID) for path in images.glob("*.dcm")]
    found = objects_of(out)
    assert set(found) == {(uid, kind) for uid in sources for kind in ("seg", "sc", "sr")}
    assert sorted((row["dicom"], row["dicom_missing"]) for row in rows) == [
        ("", "not from a DICOM file"), ("seg sc sr", ""), ("seg sc sr", ""),
    ]  # fmt: skip
    assert (
        f"{out / 'dicom'}: 6 objects of 2 images (2 seg, 2 sc, 2 sr); "
        "without: 1 images, not from a DICOM file"
    ) in said.splitlines()


def test_a_copy_under_another_number_has_none_and_is_counted(predict, images, lungs_found):
    one = pydicom.dcmread(images / "Jane-one.dcm")
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    one.save_as(images / "copy.dcm")
    (images / "again.dcm").write_bytes((images / "Jane-two.dcm").read_bytes())
    out, said, _ = predict("--dicom", "sr")
    assert len(objects_of(out)) == 2
    assert "1 images, copy of another image, which has them" in said


def test_the_mask_in_the_archive_is_the_mask_beside_the_table(predict, images, lungs_found):
    out, _, _ = predict("--dicom", "seg")
    found = objects_of(out)
    for path in images.glob("*.dcm"):
        source = pydicom.dcmread(path)
        file = found[source.SOPInstanceUID, "seg"]
        opened = hd.seg.segread(file)
        (frame,) = opened.get_pixels_by_source_instance([source.SOPInstanceUID])
        mask = read_mask(out / "masks" / f"{file.name.split('-')[0]}.png")
        np.testing.assert_array_equal(frame[..., 0], mask)
        assert frame.shape[:2] == source.pixel_array.shape


def test_a_report_has_the_numbers_of_the_table(predict, lungs_found):
    out, _, rows = predict("--dicom", "sr")
    table = {row["image_id"]: row for row in rows}
    for file in objects_of(out).values():
        row = table[file.name.split("-")[0]]
        image, *classes = hd.sr.srread(file).content.get_image_measurement_groups()
        reported = {one.finding_type.meaning: one.get_measurements()[0].value for one in classes}
        assert reported["Normal"] == pytest.approx(float(row["p_normal"]), abs=1e-5)
        assert reported["COVID-19"] == pytest.approx(float(row["p_covid"]), abs=1e-5)
        share = image.get_measurements()[0].value
        assert share == pytest.approx(float(row["relevance_inside_lungs"]), abs=1e-5)


def test_the_same_job_elsewhere_makes_the_same_objects_and_again_none(predict, lungs_found):
    first, _, _ = predict("--dicom", "seg,sc,sr")
    times = {path.name: path.stat().st_mtime_ns for path in (first / "dicom").iterdir()}
    second, _, _ = predict("--dicom", "sr,seg,sc", into="second")
    assert {path.name for path in (second / "dicom").iterdir()} == set(times)
    for path in (second / "dicom").iterdir():
        assert _timeless(path) == _timeless(first / "dicom" / path.name)
    predict("--dicom", "seg,sc,sr")
    assert times == {path.name: path.stat().st_mtime_ns for path in (first / "dicom").iterdir()}


def _timeless(path):
    """Return an object without the time of its making."""
    dataset = pydicom.dcmread(path)
    for element in [*dataset.iterall()]:
        if element.VR in ("DA", "TM", "DT"):
            element.value = ""
    return dataset


def test_without_a_lung_segmenter_there_is_no_segmentation_and_that_is_said(predict):
    out, said, rows = predict("--dicom", "seg,sr")
    assert len(objects_of(out)) == 2
    reasons = {row["dicom_missing"] for row in rows}
    assert reasons == {"not from a DICOM file", "seg: no lung segmenter in this model"}
    assert "2 images, seg: no lung segmenter in this model" in said


def test_archives_and_gzip_are_no_hindrance(predict, images, tmp_path, lungs_found):
    import gzip
    import zipfile

    packed = tmp_path / "packed"
    packed.mkdir()
    one, two = sorted(images.glob("*.dcm"))
    with zipfile.ZipFile(packed / "one.zip", "w") as archive:
        archive.write(one, "one.dcm")
    (packed / "two.dcm.gz").write_bytes(gzip.compress(two.read_bytes()))
    out, _, _ = predict("--dicom", "sr", at=packed)
    sources = {str(pydicom.dcmread(path).SOPInstanceUID) for path in (one, two)}
    assert {source for source, _ in objects_of(out)} == sources


def test_nothing_of_the_patient_is_in_names_and_tables(predict, lungs_found):
    out, said, _ = predict("--dicom", "seg,sc,sr")
    assert "Jane" not in said
    assert not [path for path in out.rglob("*") if "Jane" in path.name]
    assert "Jane" not in (out / "predictions.csv").read_text()


def test_unknown_kinds_and_a_missing_library_are_one_line(
    command, images, classifier_package, tmp_path, monkeypatch
):
    asked = ("predict", images, "--model", classifier_package, "--out", tmp_path / "out")
    code, _, error = command(*asked, "--dicom", "seg,rtss")
    assert (code, error.count("\n")) == (2, 1)
    assert "'rtss'" in error
    code, _, error = command(*asked, "--dicom", ",")
    assert code == 2
    assert "expected some of seg,sc,sr" in error
    monkeypatch.setattr("isnet_cxr.pipeline.commands.extras.find_spec", lambda name: None)
    code, _, error = command(*asked, "--dicom", "seg")
    assert code == 2
    assert "--dicom needs highdicom, not installed: pip install 'isnet-cxr[dicom]'" in error
    assert not (tmp_path / "out").exists()
