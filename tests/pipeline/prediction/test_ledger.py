"""Nothing lost, nothing twice: a job that was killed goes on, and ends as if it never was."""

import csv
import fcntl
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.finding import find_files
from isnet_cxr.data.writers import write_png

TIMED = ("run.json", "predict.log")
MAIN = "from isnet_cxr.pipeline.cli import main; main()"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_images(folder: Path, numbers: range) -> Path:
    """Images of noise, each unlike the others; every ninth is none."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        path = folder / f"{number:04d}.png"
        if number % 9 == 4:
            path.write_bytes(b"\x89PNG\r\n\x1a\n cut")
        else:
            write_png(np.random.default_rng(number).random((1, 40, 50), np.float32), path)
    return folder


def results(out: Path) -> dict[str, bytes]:
    """What a job wrote, besides its own notes."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and "ledger" not in path.parts and path.name not in TIMED
    }


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", MAIN, "predict", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def batches(out: Path) -> int:
    return len(list((out / "ledger").glob("[0-9]*.json")))


def await_batches(running: subprocess.Popen, out: Path, count: int) -> None:
    end = time.monotonic() + 120
    while batches(out) < count and running.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def given(tmp_path, classifier_package):
    """Arguments of a job: images and a model."""
    images = write_images(tmp_path / "inputs", range(40))
    return [images, "--model", classifier_package]


def test_new_files_are_added_and_what_was_done_is_kept(command, given, tmp_path):
    out = tmp_path / "out"
    command("predict", *given, "--out", out)
    first = rows(out / "predictions.csv")
    times = {path: path.stat().st_mtime_ns for path in (out / "heatmaps").iterdir()}
    write_images(given[0], range(40, 50))
    code, _, said = command("predict", *given, "--out", out)
    assert (code, "50 files found: 44 predicted, 6 failed" in said) == (3, True)
    again = rows(out / "predictions.csv")
    assert again[: len(first)] == first
    assert [int(row["number"]) for row in again] == list(range(1, 45))
    assert all(path.stat().st_mtime_ns == then for path, then in times.items())


def test_one_image_into_a_used_folder_costs_nothing(command, given, tmp_path):
    out = tmp_path / "out"
    command("predict", *given, "--out", out)
    before = results(out)
    command("predict", given[0] / "0001.png", *given[1:], "--out", out)
    assert results(out) == before


def test_a_file_that_was_mended_is_predicted(command, given, tmp_path):
    out = tmp_path / "out"
    command("predict", *given, "--out", out)
    assert "0004.png" in {row["path"] for row in rows(out / "failures.csv")}
    write_png(np.random.default_rng(4).random((1, 40, 50), np.float32), given[0] / "0004.png")
    command("predict", *given, "--out", out)
    assert "0004.png" not in {row["path"] for row in rows(out / "failures.csv")}
    assert rows(out / "files.csv")[-1]["file"] == "0004.png"


@pytest.mark.parametrize("other", ["weights", "gate"])
def test_results_of_another_job_are_not_touched(command, given, tmp_path, other):
    out = tmp_path / "out"
    command("predict", *given, "--out", out)
    before = results(out)
    if other == "weights":
        package = shutil.copytree(given[2], tmp_path / "package")
        text = (package / "config.yaml").read_text()
        (package / "config.yaml").write_text(text + "# another\n")
        code, _, said = command("predict", given[0], "--model", package, "--out", out)
        assert "holds predictions with another model" in said
    else:
        code, _, said = command("predict", *given, "--out", out, "--no-gate")
        assert "holds predictions with another gate" in said
    assert (code, len(said.splitlines())) == (2, 1)
    assert results(out) == before


def test_results_of_an_earlier_version_are_not_touched(command, given, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "predictions.csv").write_text("number,image_id\n")
    code, _, said = command("predict", *given, "--out", out)
    assert (code, len(said.splitlines())) == (2, 1)
    assert "of an earlier version" in said
    assert (out / "predictions.csv").read_text() == "number,image_id\n"


def test_a_second_process_is_kept_out(command, given, tmp_path):
    out = tmp_path / "out"
    command("predict", *given, "--out", out)
    with (out / "ledger" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, said = command("predict", *given, "--out", out)
    assert (code, len(said.splitlines())) == (2, 1)
    assert "another process is predicting into it" in said


def test_a_file_that_is_gone_since_it_was_found_is_its_own_failure(
    command, given, tmp_path, monkeypatch
):
    from isnet_cxr.pipeline.prediction import batch

    def find_and_lose(*arguments, **options):
        found = find_files(*arguments, **options)
        (given[0] / "0001.png").unlink()
        return found

    monkeypatch.setattr(batch, "find_files", find_and_lose)
    code, _, said = command("predict", *given, "--out", tmp_path / "out")
    assert (code, "35 predicted, 5 failed" in said) == (3, True)
    assert "0001.png" in {row["path"] for row in rows(tmp_path / "out" / "failures.csv")}


def test_what_a_killed_writer_left_is_removed(command, given, tmp_path):
    out = tmp_path / "out"
    for folder in (out, out / "heatmaps"):
        (folder / ".writing-abc").mkdir(parents=True)
        (folder / ".writing-abc" / "half.png").write_bytes(b"half")
    command("predict", *given, "--out", out)
    assert not list(out.rglob(".writing-*"))


@pytest.mark.slow
def test_sigterm_finishes_the_batch_in_hand_and_the_same_command_goes_on(given, tmp_path, command):
    out, whole = tmp_path / "out", tmp_path / "whole"
    running = start(*given, "--out", out)
    await_batches(running, out, 1)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert said.strip().splitlines()[-1] == (
        "isnet-cxr: stopped; the same command goes on from here"
    )
    done = rows(out / "predictions.csv")
    assert 0 < len(done) < 36
    assert json.loads((out / "run.json").read_text())["exit_code"] == 130
    command("predict", *given, "--out", out)
    command("predict", *given, "--out", whole)
    assert results(out) == results(whole)


@pytest.mark.slow
def test_a_job_that_is_killed_again_and_again_ends_as_if_it_never_was(given, tmp_path, command):
    out, whole, rng = tmp_path / "out", tmp_path / "whole", random.Random(0)
    write_images(given[0], range(40, 100))
    command("predict", *given, "--out", whole)
    kills = 0
    while kills < 10:
        running = start(*given, "--out", out)
        await_batches(running, out, min(batches(out) + 1, 6))
        time.sleep(rng.uniform(0, 0.05))
        running.kill()
        running.communicate()
        kills += 1
    running = start(*given, "--out", out)
    running.communicate(timeout=300)
    assert running.returncode == 3
    assert results(out) == results(whole)
