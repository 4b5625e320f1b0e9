"""Disks and files as they fail in hospitals, met by the real command in a process of its own."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

MAIN = "from isnet_cxr.pipeline.cli import main; main()"
STUDY = """
name: here
classes: [normal, covid]
datasets: {here: {phantoms: {hospital: elmwood, images_per_class: 24}}}
development: [here]
fractions: [0.4, 0.3, 0.3]
classifiers: {baseline: {method: baseline, epochs: 1}}
"""


def run(*arguments: object, mount: tuple[str, Path] | None = None) -> subprocess.CompletedProcess:
    """Run ``isnet-cxr``; with ``mount``, a small disk of these options lies at the path."""
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    if mount is not None:
        options, place = mount
        script = f'mount -t tmpfs -o {options} disk "{place}" && exec "$@"'
        command = ["unshare", "-Urm", "sh", "-c", script, "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_one_line(ended: subprocess.CompletedProcess, *named: str) -> None:
    said = [line for line in ended.stderr.splitlines() if line.startswith("isnet-cxr: ")]
    assert ended.returncode == 2, ended.stderr
    assert len(said) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(name in said[0] for name in named), said[0]


@pytest.fixture
def disk(tmp_path) -> Path:
    """A place where a small disk can be mounted, seen by the command alone."""
    place = tmp_path / "disk"
    place.mkdir()
    trial = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=64k", "disk", str(place)]
    if shutil.which("unshare") is None or subprocess.run(trial, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    return place


def test_a_full_disk_is_one_line(disk, images, classifier_package):
    given = ["predict", images, "--model", classifier_package, "--out", disk / "out"]
    assert_one_line(run(*given, mount=("size=8k", disk)), "no room left on the disk")


def test_a_read_only_disk_is_one_line(disk, images, classifier_package):
    given = ["predict", images, "--model", classifier_package, "--out", disk / "out"]
    assert_one_line(run(*given, mount=("ro", disk)), str(disk / "out"), "a read-only file system")


def test_a_study_on_a_read_only_disk_is_one_line(disk, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    given = ["study", tmp_path / "study.yaml", "--out", disk / "out"]
    assert_one_line(run(*given, mount=("ro", disk)), str(disk / "out"), "a read-only file system")


def test_weights_that_were_cut_are_one_line(tmp_path, images, classifier_package):
    package = shutil.copytree(classifier_package, tmp_path / "package")
    weights = package / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    ended = run("predict", images, "--model", package, "--out", tmp_path / "out")
    assert_one_line(ended, "weights.safetensors")


def test_a_study_that_another_process_works_on_is_one_line(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = run("study", tmp_path / "study.yaml", "--out", out)
    assert_one_line(ended, str(out), "another process is working on this study")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_one_line(tmp_path, images, classifier_package):
    out = tmp_path / "out"
    given = ["predict", images, "--model", classifier_package, "--out", out, "--device", "cuda"]
    assert_one_line(run(*given), "cuda")
    assert not out.exists()


def test_a_bug_keeps_its_traceback_and_has_a_code_of_its_own(tmp_path):
    script = (
        "import isnet_cxr.pipeline.config as config\n"
        "config.load_study = lambda file: int('eleven')\n" + MAIN
    )
    given = [sys.executable, "-c", script, "study", "x.yaml", "--out", str(tmp_path / "out")]
    ended = subprocess.run(given, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


@pytest.mark.slow
def test_a_user_without_a_name_can_work(tmp_path, images, classifier_package):
    """As in a container that is started with a number: no passwd entry, no USER, no home."""
    (tmp_path / "study.yaml").write_text(STUDY)
    nobody = ["unshare", "-U", "--map-user=54321", "--map-group=54321", "env", "-i"]
    nobody += [f"PATH={os.environ['PATH']}", "HOME=/nonexistent"]
    if shutil.which("unshare") is None or subprocess.run([*nobody, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody take another number")
    for arguments in (
        ["predict", images, "--model", classifier_package, "--out", tmp_path / "out"],
        ["doctor"],
        ["study", tmp_path / "study.yaml", "--out", tmp_path / "study"],
    ):
        command = [*nobody, sys.executable, "-c", MAIN, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Traceback" not in ended.stderr, ended.stderr[-2000:]
        assert ended.returncode in {0, 3}, ended.stderr[-2000:]
