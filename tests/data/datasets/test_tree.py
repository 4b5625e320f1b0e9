"""An import accounts for every file below its root."""

import csv
import gzip
import re
import shutil

import numpy as np
import pydicom
import pytest

from isnet_cxr.data.finding import find_files
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.writers import write_dicom, write_png

IMAGE = np.random.default_rng(0).random((1, 8, 6), dtype=np.float32)
SR = "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.fixture
def root(tmp_path):
    """A class folder with one file of every kind."""
    root = tmp_path / "hospital"
    folder = root / "normal"
    write_png(IMAGE, folder / "a.png")
    write_dicom(IMAGE + 0.1, folder / "b", (0.1, 0.1))
    write_dicom(IMAGE * 0.5, folder / "c.dcm", (0.1, 0.1))
    (folder / "d.dcm.gz").write_bytes(gzip.compress((folder / "c.dcm").read_bytes()))
    report = pydicom.dcmread(folder / "c.dcm")
    del report.PixelData
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = SR
    report.save_as(folder / "report.dcm")
    shutil.copy(folder / "a.png", folder / "PNG as DICOM.dcm")
    shutil.copy(folder / "a.png", folder / "M\udcfcller.png")
    shutil.make_archive(str(folder / "more"), "zip", folder, "a.png")
    (folder / "text.png").write_bytes(b"text")
    (folder / "notes.txt").write_bytes(b"text")
    (folder / "gone.dcm").symlink_to(folder / "nothing")
    (folder / "back").symlink_to(root)
    return root


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run_import(dataset, root, out, capsys, more=()):
    """Run the command; its four figures: found, read, failed, left out."""
    from isnet_cxr.pipeline import cli

    arguments = ["isnet-cxr", "import", dataset, str(root), "--out", str(out), *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit):
            cli.main()
    said = capsys.readouterr().out
    line = re.search(r"(\d+) found: (\d+) read, (\d+) failed, (\d+) left", said)
    return [int(figure) for figure in line.groups()]


def names(imported):
    return sorted(path.rpartition("/")[2] for path in imported.manifest["path"])


def test_a_tree_of_class_folders(root):
    (root / ".DS_Store").write_bytes(b"\x00\x01")
    (root / "covid").mkdir()
    (root / "covid" / "all").symlink_to(root / "normal")
    write_png(IMAGE, root / "loose.png")
    imported = import_dataset("folder", root, workers=1, progress=False)
    assert names(imported) == ["PNG as DICOM.dcm", "a.png", "b", "c.dcm", "d.dcm.gz"]
    assert {failure.path.name: failure.reason for failure in imported.failures} == {
        "M\udcfcller.png": "name that is not UTF-8: rename it, a manifest cannot hold it",
        "a.png": "in a zip archive: unpack it first, a manifest names files",
        "gone.dcm": "link to a file that is not there",
        "text.png": "expected an image, got text",
    }
    assert imported.left_out == {
        "DICOM without pixel data (report)": 1,
        "not an image (text)": 1,
        "hidden or system file or folder": 1,
        "link to a folder that is searched already": 2,
        "in no class folder": 1,
    }
    assert set(imported.manifest["label"]) == {"normal"}


def test_a_tree_of_dicom_files(root):
    (root / "text.dcm").write_bytes(b"text")
    imported = import_dataset("dicom", root, workers=1, progress=False)
    assert names(imported) == ["b", "c.dcm", "d.dcm.gz"]
    failed = sorted(failure.path.name for failure in imported.failures)
    assert failed == ["M\udcfcller.png", "a.png", "gone.dcm", "text.dcm"]
    assert imported.left_out == {
        "DICOM without pixel data (report)": 1,
        "not an image (text)": 1,
        "link to a folder that is searched already": 1,
        "not a DICOM image": 3,
    }


def test_what_came_of_every_file_is_one_line(root, tmp_path, monkeypatch, capsys):
    from isnet_cxr.pipeline import cli

    out = tmp_path / "manifest.csv"
    monkeypatch.setattr("sys.argv", ["isnet-cxr", "import", "folder", str(root), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert "12 found: 5 read, 4 failed, 3 left out" in capsys.readouterr().out
    failures = (tmp_path / "manifest-failures.csv").read_text(encoding="utf-8")
    assert r"M\xfcller.png" in failures


@pytest.mark.parametrize("dataset", ["folder", "dicom"])
def test_read_failed_and_listed_as_ignored_are_what_was_found(root, tmp_path, capsys, dataset):
    (root / "covid").mkdir()
    write_png(IMAGE * 0.3, root / "covid" / "e.png")
    write_png(IMAGE, root / "loose.png")
    out = tmp_path / "manifest.csv"
    labels = ["--label", "covid="] if dataset == "folder" else []
    found, read, failed, left_out = run_import(dataset, root, out, capsys, labels)
    listed = {name: rows(tmp_path / f"manifest-{name}.csv") for name in ("failures", "ignored")}
    assert found == read + failed + left_out == find_files([root]).count
    assert len(rows(out)) == read
    assert len(listed["failures"]) == failed
    assert len(listed["ignored"]) == left_out
    assert all(row["reason"] for files in listed.values() for row in files)
    names = [row["path"] for files in listed.values() for row in files]
    assert len(set(names) | {row["path"] for row in rows(out)}) == found


def test_a_list_of_an_earlier_import_does_not_stay(root, tmp_path, capsys):
    out = tmp_path / "manifest.csv"
    run_import("folder", root, out, capsys)
    for name in ("report.dcm", "notes.txt", "back"):
        (root / "normal" / name).unlink()
    run_import("folder", root, out, capsys)
    assert rows(tmp_path / "manifest-ignored.csv") == []
