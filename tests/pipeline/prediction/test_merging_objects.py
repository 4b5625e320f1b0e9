"""Shards with DICOM objects: merged they are the job that one machine would have done."""

import csv
import json
import pickle
import shutil

import pytest

pytest.importorskip("highdicom", reason="the extra dicom is not installed")

import pydicom

from isnet_cxr.data.finding import Shard
from isnet_cxr.data.pacs.sent import NOT_SENT, SENT, read_sent
from isnet_cxr.data.phantoms import EXTERNAL
from isnet_cxr.data.phantoms.generate import make_phantom
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction import on_cluster
from isnet_cxr.pipeline.prediction.batch import Pace, predict_images
from isnet_cxr.pipeline.prediction.dicom_objects import ask_for
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS

TABLES = (
    "predictions.csv", "predictions.parquet", "files.csv", "failures.csv", "refused.csv",
    "ignored.csv",
)  # fmt: skip
FILES = ("dicom", "heatmaps", "masks")
OF = 2


@pytest.fixture(autouse=True, scope="module")
def _own_outputs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OUTPUTS, "_entries", dict(OUTPUTS))
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Images in DICOM, each twice under numbers of its own; a PNG, a cut file, a letter."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(4):
        chest = make_phantom(EXTERNAL[0], "pneumonia", number, seed=5)
        for name in (f"{number}.dcm", f"later/{number}-again.dcm"):
            write_dicom(chest.pixels, folder / name, (0.4, 0.7), view="PA", patient_id="Jane")
    write_png(make_phantom(EXTERNAL[0], "normal", 9, seed=5).pixels, folder / "picture.png")
    (folder / "cut.dcm").write_bytes((folder / "0.dcm").read_bytes()[:900])
    (folder / "letter.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def made(inputs, classifier_package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    given = {"model": classifier_package, "device": "cpu", "shown": False, "pace": Pace(workers=1),
             "asked": [ask_for("sc,sr", classifier_package, None)]}  # fmt: skip
    predict_images([inputs], out=folder / "whole", **given)
    for number in range(1, OF + 1):
        out = folder / f"shard-{number}"
        predict_images([inputs], out=out, shard=Shard(number, OF), **given)
    return folder


def numbers(folder):
    """The number of the image that each object in a folder is of, with the object's kind."""
    return sorted(
        (path.name[:16], path.name.split("-")[-1], str(_refers_to(pydicom.dcmread(path))))
        for path in folder.glob("*.dcm")
    )


def _refers_to(dataset):
    if "SourceImageSequence" in dataset:
        return dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
    evidence = dataset.CurrentRequestedProcedureEvidenceSequence[0]
    return evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def test_merged_shards_are_the_unsharded_job(command, made, tmp_path):
    shards = [made / f"shard-{number}" for number in range(1, OF + 1)]
    code, _, said = command("merge", *shards, "--out", tmp_path / "merged")
    assert code == 3
    assert "11 files found: 9 predicted (4 duplicates), 1 failed, 0 refused, 1 ignored" in said
    for name in TABLES:
        assert (tmp_path / "merged" / name).read_bytes() == (made / "whole" / name).read_bytes()
    for name in FILES:
        here, there = ({path.name for path in (out / name).glob("*")}
                       for out in (tmp_path / "merged", made / "whole"))  # fmt: skip
        assert here == there, name
    assert numbers(tmp_path / "merged" / "dicom") == numbers(made / "whole" / "dicom")
    split = [len(list((shard / "dicom").glob("*.dcm"))) for shard in shards]
    assert sum(split) > len(list((made / "whole" / "dicom").glob("*.dcm"))) > 0  # copies met
    merged, whole = (json.loads((out / "run.json").read_text())
                     for out in (tmp_path / "merged", made / "whole"))  # fmt: skip
    assert {k: v for k, v in merged.items() if k != "seconds"} == {
        k: v for k, v in whole.items() if k != "seconds"
    }


def test_what_a_shard_has_sent_counts_as_sent(command, made, tmp_path):
    shards = []
    for number in range(1, OF + 1):
        shards.append(tmp_path / f"shard-{number}")
        shutil.copytree(made / f"shard-{number}", shards[-1])
        with (shards[-1] / "dicom" / SENT).open("w", newline="") as stream:
            csv.writer(stream).writerows(
                [("address", "sop_instance_uid", "sha256"), ("A@b:1", f"1.{number}", "00")]
            )
        (shards[-1] / "dicom" / NOT_SENT).write_text("path,reason\n")
    for _ in range(2):
        command("merge", *shards, "--out", tmp_path / "merged")
        sent = read_sent(tmp_path / "merged" / "dicom" / SENT)
        assert sorted(uid for _, uid, _ in sent) == ["1.1", "1.2"]
    assert not (tmp_path / "merged" / "dicom" / NOT_SENT).exists()
    assert len(read_sent(shards[0] / "dicom" / SENT)) == 1


def test_a_clusters_tasks_make_the_objects_of_the_unsharded_job(
    inputs, made, classifier_package, monkeypatch, tmp_path
):
    """All but Ray: its tasks get their jobs pickled and run here, one after the other."""

    def run_here(work, jobs, **_):
        for job in jobs:
            work(pickle.loads(pickle.dumps(job)), lambda *_: None)

    monkeypatch.setattr(on_cluster, "run_on_cluster", run_here)
    monkeypatch.setattr(on_cluster, "_shards", lambda out, **_: (out / "shards" / "of-2", 2))
    given = {"model": classifier_package, "device": "cpu", "address": "here", "dicom": "sc,sr"}
    on_cluster.predict_on_cluster([inputs], out=tmp_path / "out", **given)
    for name in TABLES:
        assert (tmp_path / "out" / name).read_bytes() == (made / "whole" / name).read_bytes()
    assert numbers(tmp_path / "out" / "dicom") == numbers(made / "whole" / "dicom")
