"""No text of a DICOM header leaves it: files stuffed with marked text go through every command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml
from PIL import Image

from isnet_cxr.data.writers import write_dicom, write_mask

pytestmark = pytest.mark.slow

MARKED = {
    "PatientID": "SECRETPATIENT7",
    "PatientName": "SECRETNAME^JANE",
    "OtherPatientIDs": "SECRETOTHER",
    "PatientBirthDate": "19370413",
    "PatientAddress": "SECRETSTREET 7",
    "StudyDate": "18991224",
    "AcquisitionDate": "18991225",
    "AccessionNumber": "SECRETACCESS",
    "StudyID": "SECRETSTUDY",
    "InstitutionName": "SECRETCLINIC",
    "StationName": "SECRETSTATION",
    "ReferringPhysicianName": "SECRETDOCTOR^WHO",
    "OperatorsName": "SECRETOPERATOR",
    "StudyDescription": "SECRETDESCRIPTION",
    "SeriesDescription": "SECRETSERIES",
    "ImageComments": "SECRETCOMMENT",
    "ViewPosition": "SECRETVIEW",
    "ImageLaterality": "SECRETSIDE",
    "BodyPartExamined": "SECRETPART",
    "VOILUTFunction": "SECRETWINDOW",
    "PresentationLUTShape": "SECRETSHAPE",
    "StudyInstanceUID": "1.2.826.777.4711.1",
    "SeriesInstanceUID": "1.2.826.777.4711.2",
    "SOPInstanceUID": "1.2.826.777.4711.3",
}
NEVER = ("SECRET", "JANE", "19370413", "1937-04-13", "1899122", "1899-12", "777.4711")
BROKEN = {
    "colour": {"PhotometricInterpretation": "SECRETCOLOUR"},
    "frames": {"NumberOfFrames": "2"},
    "short": {"Rows": 4000},
}
NAMED = "Doe_Jane_1937"
"""A file's name, which may stand where images are looked up by their files, and nowhere else."""
LOOKED_UP = ("files.csv", "failures.csv", "refused.csv", "duplicates.csv", ".parquet")
OF_THE_PACS = ("777.4711", "SECRETACCESS")
"""What a PACS finds an image by: in the job's files.csv and ledger, which stay with the images."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four images of two classes, three that are broken, and a table of the good ones."""
    folder = tmp_path_factory.mktemp("hospital")
    generator = np.random.default_rng(0)
    lungs = np.zeros((40, 32), np.uint8)
    lungs[8:32, 4:14] = lungs[8:32, 18:28] = 1
    write_mask(lungs, folder / "lungs.png")
    rows = []
    for number in range(24):
        name = f"images/{NAMED}_{number}.dcm"
        image = generator.random((1, 40, 32), dtype=np.float32)
        write_marked(image, folder / name, f"{MARKED['PatientID']}{number}")
        split = ("train", "val", "test")[number // 2 % 3]
        label = ("normal", "covid")[number % 2]
        rows.append({"path": name, "label": label, "split": split, "lung_mask": "lungs.png"})
    for kind, header in BROKEN.items():
        write_marked(image, folder / "images" / f"{NAMED}_{kind}.dcm", "SECRETBROKEN", **header)
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    away = [row | {"split": "", "path": f"away/{n}.dcm"} for n, row in enumerate(rows[:4])]
    for row in away:
        image = generator.random((1, 40, 32), dtype=np.float32)
        write_marked(image, folder / row["path"], f"SECRET{row['path']}")
    pd.DataFrame(away).to_csv(folder / "away.csv", index=False)
    return folder


def write_marked(image: np.ndarray, path: Path, patient: str, **changes: object) -> None:
    write_dicom(image, path, (0.2, 0.2))
    dataset = pydicom.dcmread(path)
    for keyword, value in {**MARKED, "PatientID": patient, **changes}.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = MARKED["SOPInstanceUID"]
    dataset.add_new(0x00091010, "LO", "SECRETPRIVATE")
    dataset.save_as(path)


def run(*arguments: object) -> tuple[int, str]:
    """Run the command line as a user does; return its code and all that it said."""
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    script = (
        "import logging; logging.basicConfig(level='INFO')\n"
        "from isnet_cxr.pipeline.cli import main; main()"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout + ended.stderr


def texts(path: Path) -> Iterator[str]:
    """Yield what a file holds, unpacked, and its name."""
    yield path.name
    if path.suffix == ".parquet":
        yield pd.read_parquet(path).to_csv()
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            yield " ".join(str(arrays[name].tolist()) for name in arrays)
    elif path.suffix == ".png":
        with Image.open(path) as image:
            yield str(image.info)
    else:
        yield path.read_bytes().decode("utf-8", errors="ignore")


def assert_nothing_leaks(out: Path, said: str) -> None:
    assert not [mark for mark in NEVER if mark in said]
    for path in (path for path in out.rglob("*") if path.is_file()):
        found = "\n".join(texts(path))
        if path.name == "files.csv" or "ledger" in path.parts:
            for mark in OF_THE_PACS:
                found = found.replace(mark, "")
        leaked = [mark for mark in NEVER if mark in found]
        assert not leaked, f"{path.relative_to(out)}: {leaked}"
        may_name = path.name.endswith(LOOKED_UP) or "ledger" in path.parts
        assert may_name or NAMED not in found, path.relative_to(out)


def test_what_is_searched_for_would_be_found(hospital):
    assert all(
        mark in "\n".join(texts(hospital / "images" / f"{NAMED}_0.dcm"))
        for mark in ("SECRET", "JANE", "19370413", "1899122", "777.4711", NAMED)
    )


def test_an_import_and_an_audit_tell_nothing(hospital, tmp_path):
    code, said = run("import", "dicom", hospital / "images", "--out", tmp_path / "m.parquet")
    assert code == 3
    assert "24 images" in said
    code, heard = run("audit", tmp_path / "m.parquet", "--json")
    assert code == 0
    assert_nothing_leaks(tmp_path, said + heard)
    assert NAMED not in said + heard
    manifest = pd.read_parquet(tmp_path / "m.parquet")
    assert manifest["patient_id"].nunique() == 24
    failures = pd.read_csv(tmp_path / "m-failures.csv")
    assert len(failures) == len(BROKEN)


def test_predictions_tell_nothing(hospital, tmp_path, classifier_package):
    options = ("--model", classifier_package, "--out", tmp_path)
    code, said = run("predict", hospital / "images", *options)
    assert code == 3
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 24
    assert_nothing_leaks(tmp_path, said)
    assert NAMED not in said


def test_a_study_tells_nothing(hospital, tmp_path):
    """Manifests, cache, predictions, MLflow's store and artifacts, the report, the terminal."""
    values = {
        "name": "guarded",
        "classes": ["normal", "covid"],
        "datasets": {
            "here": {"adapter": "csv", "root": str(hospital / "table.csv")},
            "there": {"adapter": "csv", "root": str(hospital / "away.csv")},
        },
        "development": ["here"],
        "external": {"away": ["there"]},
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 1, "batch_size": 8},
        "classifiers": {"baseline": {"method": "baseline"}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(values))
    out = tmp_path / "out"
    code, said = run("study", tmp_path / "study.yaml", "--out", out)
    assert code == 0, said
    made = {path.name for path in out.rglob("*") if path.is_file()}
    assert {"mlflow.db", "report.html", "summary.json", "images.npy", "internal.csv"} <= made
    assert_nothing_leaks(out, said)
    assert NAMED not in said
