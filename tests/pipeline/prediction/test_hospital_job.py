"""Nothing lost, nothing twice, over a job of many formats that is killed again and again.

``ISNET_CXR_JOB_IMAGES=2000`` makes it as large as a hospital's night; pytest's limit for tests that
hang must be off then: ``-o faulthandler_timeout=0``.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests_hospital_job import BROKEN, write_job  # beside this file, see conftest

from isnet_cxr.pipeline.prediction.bench.untrained import write_untrained

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("ISNET_CXR_JOB_IMAGES", "240"))
KILLS = 10
MAIN = "from isnet_cxr.pipeline.cli import main; main()"
TIMED = ("run.json", "predict.log")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def results(out: Path) -> dict[str, bytes]:
    """All that a job wrote, its ledger too; of ``run.json`` what is not a time."""
    written = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }
    record = json.loads((out / "run.json").read_text())
    del record["seconds"]
    return written | {"run.json": json.dumps(record).encode()}


def real_files() -> Path | None:
    found = os.environ.get("ISNET_CXR_DATA")
    folder = Path(found).parent / "dicom" if found else None
    return folder if folder is not None and folder.is_dir() else None


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The inputs, what is to come of them, and the options of the command."""
    folder = tmp_path_factory.mktemp("job")
    expected = write_job(folder / "inputs", count=COUNT, real=real_files())
    model = write_untrained(folder / "model", network="convnet-small", size_px=64)
    return folder / "inputs", expected, ["--model", model, "--no-gate", "--device", "cpu"]


def start(inputs: Path, options: list, out: Path, *more: object) -> subprocess.Popen:
    arguments = ["predict", inputs, *options, "--out", out, *more]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(job, tmp_path_factory):
    """The results of a run that nothing interrupted."""
    inputs, _, options = job
    out = tmp_path_factory.mktemp("whole") / "out"
    running = start(inputs, options, out)
    _, said = running.communicate(timeout=3600)
    assert running.returncode == 3, said
    return out


def test_every_good_file_is_predicted_and_every_broken_one_told_with_its_reason(job, whole):
    _, expected, _ = job
    assert len(BROKEN) == 20
    assert sorted(row["file"] for row in rows(whole / "files.csv")) == sorted(expected.predicted)
    told = {row["path"]: row["reason"] for row in rows(whole / "failures.csv")}
    assert sorted(told) == sorted(expected.failed)
    assert not [name for name, reason in expected.failed.items() if reason not in told[name]]
    assert rows(whole / "ignored.csv") == rows(whole / "refused.csv") == []
    firsts = [row["number"] for row in rows(whole / "files.csv") if not row["duplicate_of"]]
    assert [row["number"] for row in rows(whole / "predictions.csv")] == firsts
    record = json.loads((whole / "run.json").read_text())
    assert record["found"] == record["predicted"] + record["failed"] == expected.count


def test_a_job_killed_ten_times_ends_with_the_same_bytes(job, whole, tmp_path):
    inputs, _, options = job
    out, rng = tmp_path / "out", random.Random(0)
    parts = len(list((whole / "ledger").glob("[0-9]*.json")))
    for kill in range(KILLS):
        running = start(inputs, options, out)
        await_parts(running, out, 1 + (parts - 2) * kill // KILLS)
        time.sleep(rng.uniform(0, 0.3))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL
    running = start(inputs, options, out)
    _, said = running.communicate(timeout=3600)
    assert running.returncode == 3, said
    assert_same(results(out), results(whole))


def await_parts(running: subprocess.Popen, out: Path, count: int) -> None:
    end = time.monotonic() + 1800
    while time.monotonic() < end and running.poll() is None:
        if len(list((out / "ledger").glob("[0-9]*.json"))) >= count:
            return
        time.sleep(0.01)


@pytest.mark.parametrize("pace", [("--workers", 1, "--batch-size", 7), ("--workers", 5)])
def test_workers_and_batches_change_no_byte(job, whole, tmp_path, pace):
    inputs, _, options = job
    running = start(inputs, options, tmp_path / "out", *pace)
    _, said = running.communicate(timeout=3600)
    assert running.returncode == 3, said
    assert_same(besides_ledger(results(tmp_path / "out")), besides_ledger(results(whole)))


def besides_ledger(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.startswith("ledger")}


def assert_same(these: dict[str, bytes], those: dict[str, bytes]) -> None:
    assert sorted(these) == sorted(those)
    assert not [name for name, content in these.items() if content != those[name]]
