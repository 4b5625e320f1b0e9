"""Generated images are a dataset like any other: with masks, made once, the same for one seed."""

from pathlib import Path

import pytest

from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.pipeline.config import DatasetConfig
from isnet_cxr.pipeline.study.sources import read_dataset


@pytest.fixture
def dataset() -> DatasetConfig:
    return DatasetConfig.model_validate(
        {"phantoms": {"hospital": "oakdale", "images_per_class": 2, "seed": 3}}
    )


def test_a_generated_hospital_has_images_of_every_class_with_their_masks(dataset, tmp_path):
    images = read_dataset("generated", dataset, tmp_path, [], progress=False)
    assert images["label"].value_counts().to_dict() == {"normal": 2, "pneumonia": 2, "covid": 2}
    assert set(images["dataset"]) == {"generated"}
    for path, mask in zip(images["path"], images["lung_mask"], strict=True):
        assert read_mask(Path(mask)).shape == read_image(Path(path)).pixels.shape[1:]
        assert read_mask(Path(mask)).any()


def test_images_are_generated_once(dataset, tmp_path):
    first = read_dataset("generated", dataset, tmp_path, [], progress=False)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = read_dataset("generated", dataset, tmp_path, [], progress=False)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after
    assert first.equals(again)


def test_the_seed_decides_the_images(dataset, tmp_path):
    other = dataset.model_copy(update={"phantoms": dataset.phantoms.model_copy(update={"seed": 4})})
    first, second = (
        read_dataset("generated", one, tmp_path / str(number), [], progress=False)
        for number, one in enumerate((dataset, other))
    )
    assert set(first["image_id"]).isdisjoint(second["image_id"])
