"""Every file of a tree of many kinds is predicted, failed or ignored, and the counts add up."""

import csv
import hashlib
import json
import os
from pathlib import Path

import pytest
from tests_file_tree import Expected, raster, write_tree  # beside this file, see conftest

from isnet_cxr.data.finding import finder
from isnet_cxr.data.learning.package import WEIGHTS
from isnet_cxr.data.readers import radiograph
from isnet_cxr.data.readers.content import content_of


@pytest.fixture(scope="module", params=[80, pytest.param(300, marks=pytest.mark.slow)])
def tree(request, tmp_path_factory) -> tuple[Path, Expected]:
    """A tree of 80 files, each in its own way, or 300, and what is to come of them."""
    root = tmp_path_factory.mktemp("inputs") / "tree"
    expected = write_tree(root, count=request.param)
    assert expected.count >= request.param
    return root, expected


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    """Make bombs of what grows to 64 MiB, and a file unreadable: modes do not stop root."""

    def look(path):
        if path.name == "unreadable.png":
            raise PermissionError(13, "Permission denied", str(path))
        return content_of(path)

    monkeypatch.setattr(radiograph, "MAX_FILE_BYTES", 2**26)
    monkeypatch.setattr(finder, "content_of", look)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def written(name: str) -> str:
    return str(Path(name)).replace("\udcfc", r"\xfc")


def assert_told(path: Path, expected: dict[str, str]) -> None:
    told = {row["path"]: row["reason"] for row in rows(path)}
    assert sorted(told) == sorted(map(written, expected))
    for name, reason in expected.items():
        assert reason in told[written(name)], name
        assert "\n" not in told[written(name)]


def test_predicted_failed_and_ignored_are_the_files_found(
    command, tree, classifier_package, tmp_path
):
    root, expected = tree
    out = tmp_path / "out"
    code, shown, said = command(
        "predict", root, "--model", classifier_package, "--out", out, "--no-gate"
    )
    assert code == 3, said
    files = {row["number"]: row["file"] for row in rows(out / "files.csv")}
    assert sorted(files.values()) == sorted(map(written, expected.predicted))
    assert_told(out / "failures.csv", expected.failed)
    assert_told(out / "ignored.csv", expected.ignored)
    first = [row["number"] for row in rows(out / "files.csv") if not row["duplicate_of"]]
    assert [row["number"] for row in rows(out / "predictions.csv")] == first
    line = (
        f"{expected.count} files found: {len(expected.predicted)} predicted "
        f"({len(files) - len(first)} duplicates), "
        f"{len(expected.failed)} failed, 0 refused, {len(expected.ignored)} ignored"
    )
    assert line in shown + said
    assert_recorded(out, classifier_package, expected, exit_code=3)
    everything = shown + said + "".join(path.read_text() for path in out.glob("*.[cj]s*"))
    assert "ROE" not in everything
    assert not (root.parent / "out.png").exists()


def assert_recorded(out: Path, package: Path, expected: Expected, *, exit_code: int) -> None:
    record = json.loads((out / "run.json").read_text())
    assert record["exit_code"] == exit_code
    kinds = ("predicted", "failed", "refused", "ignored")
    assert record["found"] == sum(record[kind] for kind in kinds)
    assert record["found"] == expected.count
    assert record["ignored"] == sum(record["ignored_reasons"].values())
    assert record["device"] in ("cpu", "cuda")
    digest = hashlib.sha256((package / WEIGHTS).read_bytes()).hexdigest()
    assert record["model"]["sha256"][WEIGHTS] == digest
    assert record["versions"]["isnet-cxr"]
    text = (out / "run.json").read_text()
    assert not any(written(name) in text for name in expected.predicted)


def test_strict_refuses_what_would_be_ignored_before_anything_is_predicted(
    command, tree, classifier_package, tmp_path
):
    root, expected = tree
    out = tmp_path / "out"
    code, _, said = command(
        "predict", root, "--model", classifier_package, "--out", out, "--strict"
    )
    assert code == 2
    assert len(said.splitlines()) == 1
    assert f"{len(expected.ignored)} would be" in said
    assert not (out / "predictions.csv").exists()
    assert_told(out / "ignored.csv", expected.ignored)
    assert json.loads((out / "run.json").read_text())["exit_code"] == 2


def test_equal_names_of_two_folders_are_told_apart_in_every_list(
    command, classifier_package, tmp_path
):
    inputs = tmp_path / "one", tmp_path / "two"
    for number, folder in enumerate(inputs):
        folder.mkdir()
        (folder / "a.png").write_bytes(raster(number, "PNG"))
        (folder / "bad.png").write_bytes(b"text")
        (folder / "notes.txt").write_bytes(b"text")
        (folder / "unreadable.png").write_bytes(raster(number, "PNG"))
    out = tmp_path / "out"
    code, *_ = command("predict", *inputs, "--model", classifier_package, "--out", out)
    assert code == 3
    assert [row["file"] for row in rows(out / "files.csv")] == ["one/a.png", "two/a.png"]
    failed = {row["path"]: row["reason"] for row in rows(out / "failures.csv")}
    names = ("bad.png", "unreadable.png")
    assert sorted(failed) == [f"{folder}/{name}" for folder in ("one", "two") for name in names]
    assert "cannot be opened (PermissionError)" in failed["two/unreadable.png"]
    assert [row["path"] for row in rows(out / "ignored.csv")] == ["one/notes.txt", "two/notes.txt"]


def test_images_alone_end_with_0_and_empty_lists(command, images, classifier_package, tmp_path):
    out = tmp_path / "out"
    code, shown, _ = command(
        "predict", images, "--model", classifier_package, "--out", out, "--strict"
    )
    assert code == 0
    assert "3 files found: 3 predicted, 0 failed, 0 refused, 0 ignored" in shown.splitlines()[-1]
    assert (rows(out / "failures.csv"), rows(out / "ignored.csv")) == ([], [])
    assert json.loads((out / "run.json").read_text())["exit_code"] == 0


def test_results_below_the_images_are_no_images(command, images, classifier_package):
    out = images / "results"
    for _ in range(2):
        code, shown, _ = command("predict", images, "--model", classifier_package, "--out", out)
        assert code == 0
        assert "3 predicted" in shown
    assert [row["reason"] for row in rows(out / "ignored.csv")] == ["folder of results"]


def test_a_file_of_another_kind_named_by_itself_fails(command, classifier_package, tmp_path):
    (tmp_path / "a.png").write_bytes(raster(0, "PNG"))
    (tmp_path / "notes.txt").write_bytes(b"text")
    os.mkfifo(tmp_path / "pipe")
    named = [tmp_path / name for name in ("a.png", "notes.txt", "pipe")]
    out = tmp_path / "out"
    code, *_ = command("predict", *named, "--model", classifier_package, "--out", out, "--strict")
    assert code == 3
    assert {row["path"] for row in rows(out / "failures.csv")} == {"notes.txt", "pipe"}
