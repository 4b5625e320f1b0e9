import json
from dataclasses import replace

import pytest
import torch

from isnet_cxr.data.learning.package import read_package
from isnet_cxr.segmentation.training import KIND, train_segmenter


class Killed(Exception):  # noqa: N818  stands for a signal
    pass


def kill_after(epoch):
    def on_epoch(finished, _metrics):
        if finished == epoch:
            raise Killed

    return on_epoch


def read_log(out):
    lines = [json.loads(line) for line in (out / "epochs.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


@pytest.fixture
def manifest(write_images):
    return write_images({"train": 20, "val": 6})


def test_a_segmenter_learns_discs(manifest, settings, tmp_path):
    told = {}
    package = train_segmenter(
        manifest, settings, tmp_path / "out", cache=None, seed=0, on_epoch=told.__setitem__,
        progress=False,
    )  # fmt: skip
    assert list(told) == list(range(settings.epochs))
    assert max(metrics["val_dice"] for metrics in told.values()) > 0.85
    metrics = read_package(package, kind=KIND).metrics
    assert metrics["best_val_dice"] == max(metrics["val_dice"] for metrics in told.values())


def test_a_resumed_training_equals_an_uninterrupted_one(manifest, settings, tmp_path):
    settings = replace(settings, epochs=4)
    common = {"cache": tmp_path / "cache", "seed": 3, "progress": False}
    whole = train_segmenter(manifest, settings, tmp_path / "whole", **common)
    for epoch in (1, 2):  # the epoch in which it is killed is trained again
        with pytest.raises(Killed):
            train_segmenter(
                manifest, settings, tmp_path / "pieces", on_epoch=kill_after(epoch), **common
            )
    pieces = train_segmenter(manifest, settings, tmp_path / "pieces", **common)
    expected, found = (read_package(package, kind=KIND) for package in (whole, pieces))
    for name, weights in expected.weights.items():
        torch.testing.assert_close(found.weights[name], weights, rtol=0, atol=0)
    assert read_log(tmp_path / "pieces") == read_log(tmp_path / "whole")


def test_a_finished_training_is_not_repeated(manifest, settings, tmp_path):
    settings = replace(settings, epochs=1)
    common = {"cache": None, "seed": 0, "progress": False}
    first = train_segmenter(manifest, settings, tmp_path / "out", **common)
    again = train_segmenter(manifest, settings, tmp_path / "out", on_epoch=kill_after(0), **common)
    assert again == first
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_another_training_does_not_take_the_folder(manifest, settings, tmp_path):
    settings = replace(settings, epochs=1)
    train_segmenter(manifest, settings, tmp_path / "out", cache=None, seed=0, progress=False)
    with pytest.raises(ValueError, match="seed of the training begun there differ"):
        train_segmenter(manifest, settings, tmp_path / "out", cache=None, seed=1, progress=False)


def test_a_split_without_rows_is_an_error(manifest, settings, tmp_path):
    train = manifest[manifest["split"] == "train"]
    with pytest.raises(ValueError, match="needs rows of split 'val'"):
        train_segmenter(train, settings, tmp_path, cache=None, seed=0, progress=False)


def test_a_row_without_mask_is_an_error_that_names_the_image(manifest, settings, tmp_path):
    manifest.loc[2, "lung_mask"] = ""
    image_id = manifest.loc[2, "image_id"]
    with pytest.raises(ValueError, match=f"split 'train', 1 have none: image {image_id}"):
        train_segmenter(manifest, settings, tmp_path, cache=None, seed=0, progress=False)


def test_the_model_card_counts_images_and_names_no_patient(manifest, settings, tmp_path):
    settings = replace(settings, epochs=1)
    package = train_segmenter(manifest, settings, tmp_path, cache=None, seed=0, progress=False)
    card = read_package(package, kind=KIND).card
    assert "| train | discs | 20 | 20 |" in card
    assert "Research use only" in card
    assert not any(patient in card for patient in manifest["patient_id"])
