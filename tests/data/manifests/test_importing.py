import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.failures import write_failures
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.data.manifests.records import image_id, patient_key
from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.review.flags import INVERTED
from isnet_cxr.data.writers import write_dicom, write_mask, write_png

IMAGE = np.random.default_rng(0).random((1, 12, 8), dtype=np.float32)


@pytest.fixture
def dataset(tmp_path):
    """A table of a PNG, its copy, two DICOM images of one patient, and a file that is no image."""
    write_png(IMAGE, tmp_path / "a.png")
    write_png(IMAGE, tmp_path / "copy.png")
    for name in ("c", "d"):
        write_dicom(IMAGE, tmp_path / f"{name}.dcm", (0.1, 0.2), view="PA", patient_id="Jane")
    (tmp_path / "broken.png").write_bytes(b"no image")
    write_mask(IMAGE[0] > 0.5, tmp_path / "a_mask.png")
    rows = [{"path": name} for name in ("a.png", "copy.png", "c.dcm", "d.dcm", "broken.png")]
    return write(tmp_path, rows, rows[0] | {"lung_mask": "a_mask.png"})


def write(folder, rows, first=None):
    rows[0] = first or rows[0]
    with (folder / "mine.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=["path", "label", "lung_mask", "view"])
        writer.writeheader()
        writer.writerows({"label": "normal"} | row for row in rows)
    return folder / "mine.csv"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_readable_image_is_a_row(tmp_path, dataset, workers):
    imported = import_dataset("csv", dataset, workers=workers, progress=False)
    manifest = imported.manifest
    assert [path.rpartition("/")[2] for path in manifest["path"]] == [
        "a.png",
        "copy.png",
        "c.dcm",
        "d.dcm",
    ]
    assert [failure.path.name for failure in imported.failures] == ["broken.png"]
    assert manifest["mask_source"].tolist() == ["reference", "", "", ""]
    assert manifest[["height_px", "width_px"]].to_numpy().tolist() == [[12, 8]] * 4
    assert manifest["spacing_row_mm"].tolist()[2:] == [0.1, 0.1]
    assert manifest["view"].tolist() == ["", "", "PA", "PA"]
    write_manifest(manifest, tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet").equals(manifest)


def test_copies_stay_and_can_be_counted(dataset):
    manifest = import_dataset("csv", dataset, workers=1, progress=False).manifest
    assert manifest["image_id"].duplicated().sum() == 2
    assert manifest["patient_id"].nunique() == 2


def test_no_patient_is_named(dataset):
    manifest = import_dataset("csv", dataset, workers=1, progress=False).manifest
    assert "Jane" not in manifest.to_csv()
    salted = import_dataset("csv", dataset, workers=1, progress=False, salt="mine").manifest
    assert not set(salted["patient_id"]) & set(manifest["patient_id"])


def test_no_text_of_a_header_reaches_what_an_import_writes(tmp_path, caplog):
    """Neither the manifest, nor the cache, nor the list of failures, nor the log."""
    caplog.set_level("DEBUG")
    for name in ("whole", "broken"):
        write_dicom(IMAGE, tmp_path / f"{name}.dcm", None, patient_id="SECRET1")
        header = pydicom.dcmread(tmp_path / f"{name}.dcm")
        header.PatientName, header.PatientBirthDate = "SECRET^NAME", "19500101"
        header.AccessionNumber = header.ImageComments = header.VOILUTFunction = "SECRET"
        if name == "broken":
            header.PhotometricInterpretation = "SECRET"
        header.save_as(tmp_path / f"{name}.dcm")
    table = write(tmp_path, [{"path": "whole.dcm"}, {"path": "broken.dcm"}])
    imported = import_dataset("csv", table, workers=1, progress=False)
    out = tmp_path / "out"
    write_manifest(imported.manifest, out / "m.csv")
    write_failures(imported.failures, out / "failures.csv")
    load_images(imported.manifest, Preprocessing(8), cache=out / "cache", progress=False)
    assert (len(imported.manifest), len(imported.failures)) == (1, 1)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) >= 5
    seen = b"".join(path.read_bytes() for path in files) + caplog.text.encode()
    assert b"SECRET" not in seen
    assert b"19500101" not in seen


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((12, 8)), "lung mask is empty"),
        (np.eye(8, 12), "lung mask of 8 x 12 px, image of 12 x 8 px"),
    ],
)
def test_an_unusable_mask_is_a_failure(tmp_path, dataset, mask, reason):
    write_mask(mask, tmp_path / "a_mask.png")
    failures = import_dataset("csv", dataset, workers=1, progress=False).failures
    assert {failure.path.name: failure.reason for failure in failures}["a.png"] == reason


def test_a_small_mask_is_written_anew_where_there_is_a_folder_for_it(tmp_path, dataset):
    write_mask(np.eye(6, 4), tmp_path / "a_mask.png")
    options = {"workers": 1, "progress": False}
    manifest = import_dataset("csv", dataset, anew=tmp_path / "new", **options).manifest
    row = manifest.iloc[0]
    assert row["lung_mask"] == str(tmp_path / "new" / "masks" / f"{row['image_id']}.png")
    assert read_mask(Path(row["lung_mask"])).shape == (12, 8)
    failures = import_dataset("csv", dataset, **options).failures
    assert failures[0].reason == "lung mask has to be written anew, no folder for it"


def test_images_are_suspected_by_the_masks_that_their_set_brings(tmp_path):
    phantom = make_phantom(next(iter(HOSPITALS.values())), "normal", 0, seed=0)
    write_mask(phantom.mask, tmp_path / "mask.png")
    for name, pixels in (("right", phantom.pixels), ("inverted", 1 - phantom.pixels)):
        write_png(pixels, tmp_path / f"{name}.png")
    names = ("right.png", "inverted.png")
    rows = [{"path": name, "lung_mask": "mask.png"} for name in names] + [{"path": names[1]}]
    manifest = import_dataset("csv", write(tmp_path, rows), workers=1, progress=False).manifest
    assert manifest["review_flag"].tolist() == ["", INVERTED, ""]  # of the last nothing is known


def test_the_user_s_classes_are_taken(dataset):
    labels = {"normal": "healthy"}
    imported = import_dataset("csv", dataset, labels=labels, workers=1, progress=False)
    assert set(imported.manifest["label"]) == {"healthy"}
    with pytest.raises(ValueError, match="unknown label 'norml'"):
        import_dataset("csv", dataset, labels={"norml": "healthy"}, workers=1, progress=False)


def test_a_wrong_value_is_found_before_images_are_read(tmp_path):
    write_png(IMAGE, tmp_path / "a.png")
    table = write(tmp_path, [{"path": "a.png", "view": "sideways"}])
    with pytest.raises(ValueError, match=r"mine\.csv: column view, row 0: expected one of PA"):
        import_dataset("csv", table, workers=1, progress=False)


def test_an_unknown_dataset_is_named_with_the_near_miss(tmp_path):
    with pytest.raises(
        ValueError, match=r"unknown dataset 'shenzen' \(did you mean 'shenzhen'\?\)"
    ):
        import_dataset("shenzen", tmp_path, progress=False)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        import_dataset("csv", tmp_path / "nowhere.csv", progress=False)


def test_an_image_keeps_its_id_through_a_file(tmp_path):
    image = np.round(IMAGE * 255) / np.float32(255)
    write_png(image, tmp_path / "a.png")
    write_png((image[0] * 255).round().astype(np.uint8), tmp_path / "b.png")
    assert image_id(read_image(tmp_path / "a.png").pixels) == image_id(image)
    assert image_id(read_image(tmp_path / "b.png").pixels) == image_id(image)
    assert image_id(image) != image_id(image.reshape(1, 8, 12))


def test_two_tables_of_the_same_name_are_two_datasets_by_what_they_are_called(dataset):
    here, there = (
        import_dataset("csv", dataset, workers=1, progress=False, called=name).manifest
        for name in ("elmwood", "hillcrest")
    )
    assert set(here["dataset"]) == set(here["site"]) == {"elmwood"}
    assert not set(here["patient_id"]) & set(there["patient_id"])
    assert here["image_id"].equals(there["image_id"])


def test_names_that_a_table_gives_itself_stay(tmp_path):
    write_png(IMAGE, tmp_path / "a.png")
    (tmp_path / "mine.csv").write_text("path,label,dataset,site\na.png,normal,theirs,north\n")
    own = import_dataset("csv", tmp_path / "mine.csv", progress=False, called="ours").manifest
    assert own[["dataset", "site"]].to_numpy().tolist() == [["theirs", "north"]]


def test_a_publishers_dataset_keeps_its_name(tmp_path):
    (tmp_path / "jsrt").mkdir()
    with pytest.raises(InputError, match="jsrt"):
        import_dataset("jsrt", tmp_path / "jsrt", progress=False, called="ours")


def test_patients_are_equal_only_within_a_dataset():
    assert patient_key("a", "1") == patient_key("a", "1")
    assert len({patient_key("a", "1"), patient_key("b", "1"), patient_key("a", "2")}) == 3
