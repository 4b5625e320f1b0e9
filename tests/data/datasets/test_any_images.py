import numpy as np
import pytest

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.writers import write_dicom

IMAGE = np.random.default_rng(0).random((1, 8, 6), dtype=np.float32)


def test_a_folder_of_class_folders(tmp_path, touch):
    root = tmp_path / "ward 3"
    touch(root / "normal" / "a.png", root / "covid" / "2020" / "b.jpg", root / "loose.png")
    (root / "covid" / "notes.txt").write_text("no image")
    listing = ADAPTERS["folder"].read(root)
    assert [(r.dataset, r.label, r.path.name) for r in listing.records] == [
        ("ward 3", "covid", "b.jpg"),
        ("ward 3", "normal", "a.png"),
    ]
    assert listing.left_out == {"in no class folder": 1, "not an image (text)": 1}
    changed = ADAPTERS["folder"].read(root, labels={"covid": "", "normal": "healthy"}).records
    assert [r.label for r in changed] == ["healthy"]


def test_a_folder_without_classes_is_one_line(tmp_path, touch):
    touch(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="no image in a class folder; expected"):
        ADAPTERS["folder"].read(tmp_path)


def test_any_tree_of_dicom_files(tmp_path):
    root = tmp_path / "hospital"
    for name in ("a.dcm", "deep/er/IM0001", "deep/er/IM0002"):
        write_dicom(IMAGE + len(name) % 2, root / name, (0.1, 0.2), view="PA", patient_id="Jane")
    (root / "DICOMDIR").write_bytes((root / "a.dcm").read_bytes())
    (root / "readme.txt").write_text("hello")
    imported = import_dataset("dicom", root, workers=1, progress=False)
    manifest = imported.manifest
    assert manifest[["dataset", "label", "view"]].drop_duplicates().to_numpy().tolist() == [
        ["hospital", "", "PA"]
    ]
    assert len(manifest) == 3
    assert manifest["patient_id"].nunique() == 1
    assert "Jane" not in manifest.to_csv()
    assert imported.left_out == {
        "DICOMDIR: the files it names are found by themselves": 1,
        "not an image (text)": 1,
    }
    with pytest.raises(ValueError, match="unknown label 'covid'"):
        ADAPTERS["dicom"].read(root, labels={"covid": "covid"})


def test_a_tree_without_dicom_files_is_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="no DICOM file in it; expected"):
        ADAPTERS["dicom"].read(tmp_path)
