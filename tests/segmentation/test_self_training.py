import json
from dataclasses import replace

import pytest
import torch

from isnet_cxr.data.learning.package import read_package
from isnet_cxr.segmentation.self_training import (
    FIRST,
    read_history,
    second_epochs,
    train_with_unlabelled,
)
from isnet_cxr.segmentation.training import KIND, train_segmenter


@pytest.fixture
def reference(write_images):
    return write_images({"train": 12, "val": 4})


@pytest.fixture
def elsewhere(write_images):
    """Return what segments images of another hospital: every other mask is good."""
    images = write_images({"": 8}, dataset="elsewhere", seed=5)

    def find(package, _folder):
        assert read_package(package, kind=KIND).weights
        return images.assign(mask_source="predicted", mask_quality=["good", "doubtful"] * 4)

    return find


def test_the_second_training_sees_both_and_only_good_masks(
    reference, elsewhere, settings, tmp_path
):
    settings = replace(settings, epochs=5)
    told = {}
    package = train_with_unlabelled(
        reference, elsewhere, settings, tmp_path / "out", cache=None, seed=0,
        on_epoch=told.__setitem__, progress=False,
    )  # fmt: skip
    card = read_package(package, kind=KIND).card
    assert "| train | discs | 12 | 12 |" in card
    assert "| train | elsewhere | 4 | 4 |" in card
    assert "| val | elsewhere" not in card
    assert list(told) == list(range(6))
    assert [line["epoch"] for line in read_history(tmp_path / "out")] == list(range(6))


def test_a_finished_training_is_not_repeated(reference, elsewhere, settings, tmp_path):
    settings = replace(settings, epochs=1)
    common = {"cache": None, "seed": 0, "progress": False}
    arguments = (reference, elsewhere, settings, tmp_path / "out")
    first = train_with_unlabelled(*arguments, **common)
    told = {}
    assert train_with_unlabelled(*arguments, on_epoch=told.__setitem__, **common) == first
    assert not told
    assert (tmp_path / "out" / FIRST / "package").is_dir()


def test_a_fifth_of_the_epochs_and_at_least_one(settings):
    assert second_epochs(replace(settings, epochs=40)) == 8
    assert second_epochs(replace(settings, epochs=1)) == 1


def test_a_training_goes_on_from_another(reference, settings, tmp_path):
    common = {"cache": None, "seed": 0, "progress": False}
    first = train_segmenter(reference, settings, tmp_path / "first", **common)
    still = replace(settings, epochs=1, learning_rate=1e-12, weight_decay=0.0)
    second = train_segmenter(reference, still, tmp_path / "second", start=first, **common)
    expected, found = (read_package(package, kind=KIND) for package in (first, second))
    for name, weights in expected.weights.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(found.weights[name], weights)
    best = json.loads((first / "metrics.json").read_text())["best_val_dice"]
    assert found.metrics["best_val_dice"] == pytest.approx(best, abs=0.1)


def test_another_start_is_another_training(reference, settings, tmp_path):
    common = {"cache": None, "seed": 0, "progress": False}
    settings = replace(settings, epochs=1)
    first = train_segmenter(reference, settings, tmp_path / "first", **common)
    with pytest.raises(ValueError, match="start of the training begun there differ"):
        train_segmenter(reference, settings, tmp_path / "first", start=first, **common)
