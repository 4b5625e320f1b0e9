"""Tables join to a PACS beside the images alone, and know duplicates and changed files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_dicom, write_png

MAIN = "from isnet_cxr.pipeline.cli import main; main()"
UIDS = {"StudyInstanceUID": "1.2.34", "SeriesInstanceUID": "1.2.34.5", "AccessionNumber": "A-17/2"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (1, 40, 32)).astype(np.float32) / 4095


def write(path: Path, seed: int, **values: str) -> Path:
    write_dicom(pixels(seed), path, None)
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.fixture
def predict(command, classifier_package, tmp_path):
    """Predict the folder ``inputs`` into ``out``; return the exit code and what was said."""

    def run(*options: object, inputs: str = "inputs", out: str = "out"):
        given = ["predict", tmp_path / inputs, "--model", classifier_package, "--no-gate"]
        return command(*given, "--out", tmp_path / out, *options)

    return run


def test_a_pacs_finds_an_image_by_files_csv_and_by_nothing_that_is_handed_on(predict, tmp_path):
    write(tmp_path / "inputs" / "a.dcm", 0, **UIDS)
    write_png(np.zeros((40, 32), np.uint8), tmp_path / "inputs" / "b.png")
    predict()
    first, second = rows(tmp_path / "out" / "files.csv")
    sop = pydicom.dcmread(tmp_path / "inputs" / "a.dcm").SOPInstanceUID
    names = ("study_uid", "series_uid", "sop_uid", "accession")
    assert [first[name] for name in names] == ["1.2.34", "1.2.34.5", sop, "A-17/2"]
    assert [second[name] for name in names] == [""] * 4
    handed_on = [p for p in (tmp_path / "out").iterdir() if p.is_file() and p.name != "files.csv"]
    for path in handed_on:
        content = path.read_bytes()
        assert not [text for text in (b"1.2.34", b"A-17", b"a.dcm") if text in content], path.name


@pytest.mark.parametrize("uid", ["../../etc", "1.2/3", "1.2.3\n4", "1" * 65, "ROE^RICHARD", "1..2"])
def test_what_is_no_identifier_is_left_out(tmp_path, uid):
    path = write(tmp_path / "a.dcm", 0)
    dataset = pydicom.dcmread(path)
    dataset.add_new("StudyInstanceUID", "UI", "1.2.3")
    dataset["StudyInstanceUID"]._value = uid
    dataset.AccessionNumber = "=CMD|calc"
    dataset.save_as(path)
    origin = read_image(path).origin
    assert (origin.study_uid, origin.accession) == ("", "")


def test_a_duplicate_is_marked_and_predicted_once(predict, tmp_path):
    for name, seed in (("a", 0), ("b", 1), ("c", 0), ("d", 0)):
        write(tmp_path / "inputs" / f"{name}.dcm", seed, AccessionNumber=name)
    code, shown, _ = predict()
    out = tmp_path / "out"
    assert code == 0
    assert "4 files found: 4 predicted (2 duplicates), 0 failed" in shown
    marked = [(row["file"], row["duplicate_of"]) for row in rows(out / "files.csv")]
    assert marked == [("a.dcm", ""), ("b.dcm", ""), ("c.dcm", "1"), ("d.dcm", "1")]
    assert [row["number"] for row in rows(out / "predictions.csv")] == ["1", "2"]
    assert len(list((out / "heatmaps").iterdir())) == 2
    assert json.loads((out / "run.json").read_text())["duplicates"] == 2
    write(tmp_path / "inputs" / "e.dcm", 1)
    predict()
    assert rows(out / "files.csv")[-1]["duplicate_of"] == "2"
    assert len(rows(out / "predictions.csv")) == 2


def test_the_newer_prediction_of_a_changed_file_replaces_the_older_one(predict, tmp_path):
    inputs, out = tmp_path / "inputs", tmp_path / "out"
    for name, seed in (("a", 0), ("b", 0), ("c", 2)):
        write(inputs / f"{name}.dcm", seed)
    predict()
    write(inputs / "a.dcm", 3)
    (inputs / "c.dcm").write_bytes(b"broken")
    code, _, said = predict()
    assert code == 3
    assert "3 files found: 2 predicted (1 duplicates), 1 failed" in said
    marked = [(row["file"], row["number"], row["replaced_by"]) for row in rows(out / "files.csv")]
    assert marked == [
        ("a.dcm", "1", "4"), ("b.dcm", "2", ""), ("c.dcm", "3", "failed"), ("a.dcm", "4", ""),
    ]  # fmt: skip
    # The duplicate's row is still there.
    assert [row["number"] for row in rows(out / "predictions.csv")] == ["1", "3", "4"]
    assert [row["path"] for row in rows(out / "failures.csv")] == ["c.dcm"]


def test_parquet_holds_what_csv_holds_with_types(predict, tmp_path):
    for seed in range(3):
        write(tmp_path / "inputs" / f"{seed}.dcm", seed)
    predict()
    out = tmp_path / "out"
    typed = pd.read_parquet(out / "predictions.parquet")
    texts = {"image_id": str, "mask_quality": str, "mask_reasons": str, "review_flag": str}
    told = pd.read_csv(out / "predictions.csv", dtype=texts, keep_default_na=False, na_values={
        name: [""]
        for name in ("relevance_inside_lungs", "relevance_rank_inside_lungs",
                     "relevance_net_inside_lungs")
    })  # fmt: skip
    pd.testing.assert_frame_equal(typed, told)
    assert typed["p_covid"].dtype == float
    assert typed["relevance_inside_lungs"].isna().all()  # no segmenter, no lungs


def test_without_heatmaps_nothing_is_explained(predict, tmp_path):
    write(tmp_path / "inputs" / "a.dcm", 0)
    predict("--no-heatmaps", "--no-masks")
    out = tmp_path / "out"
    header = set(rows(out / "predictions.csv")[0])
    assert {"predicted", "p_covid", "mask_quality", "gate"} <= header
    assert not {"explained", "relevance_inside_lungs", "full_colour"} & header
    assert not (out / "heatmaps").exists()
    assert "explain" not in json.loads((out / "run.json").read_text())["seconds"]
    code, _, said = predict()
    assert code == 2
    assert "holds predictions with another outputs" in said


def test_json_is_all_that_is_printed(predict, tmp_path):
    write(tmp_path / "inputs" / "a.dcm", 0)
    (tmp_path / "inputs" / "b.dcm").write_bytes(b"broken")
    code, shown, said = predict("--json")
    record = json.loads(shown)
    assert (code, record["exit_code"], record["failed"], said) == (3, 3, 1, "")
    assert record == json.loads((tmp_path / "out" / "run.json").read_text())
    assert {"find", "load", "read", "explain", "write", "job", "tables"} <= set(record["seconds"])
    assert record["seconds"]["job"] > 0


def test_the_log_says_when_and_how_far_and_names_nobody(predict, tmp_path):
    write(tmp_path / "inputs" / "ROE.dcm", 0, PatientName="ROE^RICHARD")
    predict()
    predict()
    log = (tmp_path / "out" / "predict.log").read_text()
    assert [line.split(" ", 1)[1] for line in log.splitlines()] == [
        "begins: 1 files to predict", "done", "begins: 0 files to predict", "done",
    ]  # fmt: skip
    assert "ROE" not in log


@pytest.mark.parametrize("options", [("--workers", -1), ("--batch-size", 0)])
def test_a_pace_that_is_none_is_refused(predict, tmp_path, options):
    write(tmp_path / "inputs" / "a.dcm", 0)
    given = ["predict", tmp_path / "inputs", "--model", tmp_path, "--out", tmp_path / "o", *options]
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, given)], capture_output=True, check=False,
        env={**os.environ},
    )  # fmt: skip
    assert ended.returncode == 2


@pytest.mark.parametrize("more", [("--workers", 1), ("--workers", 4, "--batch-size", 3)])
def test_workers_and_batches_change_no_byte(predict, tmp_path, more):
    for seed in range(12):
        write(tmp_path / "inputs" / f"{seed:02}.dcm", seed % 9, AccessionNumber=str(seed))
    predict("--workers", 2)
    predict(*more, out="other")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and path.name not in ("run.json", "predict.log", ".lock"):
            name = path.relative_to(tmp_path / "out")
            if "ledger" not in name.parts:
                assert path.read_bytes() == (tmp_path / "other" / name).read_bytes(), name
