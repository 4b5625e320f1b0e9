"""Shards of a job: together they are the whole job, and nothing is twice there."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.finding import Shard
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.prediction.batch import predict_images

OF = 3


def rows(path: Path, *, numbered: bool = False) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    return sorted(
        tuple(value for name, value in row.items() if numbered or name != "number") for row in read
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "below").mkdir(parents=True)
    for number in range(14):
        place = folder / ("below" if number % 2 else "") / f"{number}.png"
        write_png(np.random.default_rng(number).random((1, 40, 48), np.float32), place)
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (folder / "letter.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def made(inputs, classifier_package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of three shards, and of the whole."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(1, OF + 1):
        out = folder / f"shard-{number}"
        shard = Shard(number, OF)
        predict_images([inputs], model=classifier_package, out=out, shard=shard, device="cpu")
    predict_images([inputs], model=classifier_package, out=folder / "whole", device="cpu")
    return folder


@pytest.fixture
def shards(made, tmp_path: Path) -> list[Path]:
    """Copies, to be changed."""
    shutil.copytree(made, tmp_path / "made")
    return [tmp_path / "made" / f"shard-{number}" for number in range(1, OF + 1)]


def test_shards_together_are_the_whole(command, shards, made, tmp_path):
    whole, merged = made / "whole", tmp_path / "merged"
    code, _, said = command("merge", *reversed(shards), "--out", merged)
    assert code == 3  # one file is broken
    assert "16 files found: 14 predicted, 1 failed, 0 refused, 1 ignored" in said
    for name in ("predictions.csv", "files.csv", "failures.csv", "refused.csv", "ignored.csv"):
        assert rows(merged / name) == rows(whole / name), name
    numbers = [row[0] for row in rows(merged / "predictions.csv", numbered=True)]
    assert sorted(map(int, numbers)) == list(range(1, 15))
    named = {row[:2] for row in rows(merged / "files.csv", numbered=True)}
    assert named == {row[:2] for row in rows(merged / "predictions.csv", numbered=True)}
    for path in (whole / "heatmaps").iterdir():
        assert (merged / "heatmaps" / path.name).read_bytes() == path.read_bytes()
    here, there = (json.loads((out / "run.json").read_text()) for out in (merged, whole))
    assert {key: here[key] for key in here if key != "seconds"} == {
        key: there[key] for key in there if key != "seconds"
    }


def test_the_whole_can_be_merged_again_and_gone_on_with(
    command, shards, inputs, classifier_package, tmp_path
):
    merged = tmp_path / "merged"
    for _ in range(2):
        code, _, said = command("merge", *shards, "--out", merged)
        assert code == 3, said
    before = rows(merged / "predictions.csv", numbered=True)
    next((merged / "ledger").glob("0*.json")).unlink()  # as if it had been interrupted
    assert command("merge", *shards, "--out", merged)[0] == 3
    assert rows(merged / "predictions.csv", numbered=True) == before
    code, _, said = command("predict", inputs, "--model", classifier_package, "--out", merged)
    assert (code, "16 files found: 14 predicted" in said) == (3, True)
    assert rows(merged / "predictions.csv", numbered=True) == before


def test_copies_in_two_shards_are_duplicates_of_the_whole(command, classifier_package, tmp_path):
    pixels = np.random.default_rng(0).random((1, 40, 48), np.float32)
    for number in range(8):
        write_png(pixels, tmp_path / "copies" / f"{number}.png")
    folders = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        command("predict", tmp_path / "copies", "--model", classifier_package, "--out", folder,
                "--shard", f"{number}/2")  # fmt: skip
        assert len(rows(folder / "predictions.csv")) == 1
    assert command("merge", *folders, "--out", tmp_path / "merged")[0] == 0
    assert len(rows(tmp_path / "merged" / "predictions.csv")) == 1
    assert len(rows(tmp_path / "merged" / "files.csv")) == 8


def test_no_file_is_predicted_by_two_shards(shards):
    named = [row for folder in shards for row in rows(folder / "files.csv")]
    assert len(named) == len(set(named)) == 14


def test_a_shard_may_be_empty(command, inputs, classifier_package, tmp_path):
    only = [inputs / "0.png", "--model", classifier_package]
    folders = [tmp_path / f"of-two-{number}" for number in (1, 2)]
    codes = [
        command("predict", *only, "--out", folder, "--shard", f"{number}/2")[0]
        for number, folder in enumerate(folders, 1)
    ]
    assert codes == [0, 0]
    assert sorted(len(rows(folder / "predictions.csv")) for folder in folders) == [0, 1]
    assert command("merge", *folders, "--out", tmp_path / "merged")[0] == 0
    assert len(rows(tmp_path / "merged" / "predictions.csv")) == 1


def test_a_shard_goes_on_in_its_own_folder_alone(command, shards, inputs, classifier_package):
    given = ["predict", inputs, "--model", classifier_package, "--out", shards[0]]
    before = rows(shards[0] / "predictions.csv", numbered=True)
    assert command(*given, "--shard", f"1/{OF}")[0] in {0, 3}
    assert rows(shards[0] / "predictions.csv", numbered=True) == before
    code, _, said = command(*given, "--shard", f"2/{OF}")
    assert code == 2
    assert "another shard" in said


def test_what_does_not_belong_together_is_refused(command, shards, tmp_path):
    def refused(*folders: Path, out: Path = tmp_path / "merged") -> str:
        code, _, said = command("merge", *folders, "--out", out)
        assert code == 2
        assert said.count("\n") == 1
        return said

    assert "shards that are missing: 2/3" in refused(shards[0], shards[2])
    shutil.copytree(shards[0], tmp_path / "copy")
    assert "there twice: 1/3" in refused(*shards, tmp_path / "copy")
    assert "run.json is missing" in refused(*shards, tmp_path)
    assert "is a shard's folder" in refused(*shards, out=shards[1])

    for name, key, changed, said in (
        ("run.json", "exit_code", 130, "shard 2/3 is not finished"),
        ("ledger/job.json", "model", {}, "another model"),
        ("ledger/job.json", "shard", "2/4", "shard 2/4, expected one of 3"),
        ("ledger/job.json", "shard", 7, "damaged"),
    ):
        path = shards[1] / name
        kept = path.read_text()
        whole = json.loads(kept)
        whole.get("job", whole)[key] = changed
        path.write_text(json.dumps(whole))
        assert said in refused(*shards)
        path.write_text(kept)
    assert not (tmp_path / "merged").exists()
    assert "holds the results of a job" in refused(*shards, out=tmp_path / "made" / "whole")
