"""Generated images are a dataset like any other: with masks, made once, the same for one seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.writers import write_mask, write_png
from isnet_cxr.pipeline.config import DatasetConfig
from isnet_cxr.pipeline.study import sources
from isnet_cxr.pipeline.study.sources import keep_at_most, read_dataset


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


@pytest.fixture
def montgomery(tmp_path) -> DatasetConfig:
    """One image whose publisher keeps a mask for each lung: a study joins them."""
    lung, name, root = np.zeros((40, 32), np.uint8), "MCUCXR_0104_1.png", tmp_path / "montgomery"
    lung[5:35, 3:14] = 1
    write_png(np.full((40, 32), 90, np.uint8), root / "CXR_png" / name)
    for side in ("left", "right"):
        write_mask(lung, root / "ManualMask" / f"{side}Mask" / name)
    return DatasetConfig.model_validate({"adapter": "montgomery", "root": str(root)})


def test_a_publishers_mask_that_changes_is_joined_anew(montgomery, tmp_path):
    def read() -> np.ndarray:
        images = read_dataset("there", montgomery, tmp_path / "out", [], progress=False)
        return read_mask(Path(images["lung_mask"].iloc[0]))

    before = read()
    (mask,) = (montgomery.root / "ManualMask" / "leftMask").iterdir()
    write_mask(before[:, ::-1], mask)
    assert read().sum() == 2 * before.sum()


def test_a_publishers_dataset_is_imported_once(montgomery, tmp_path, monkeypatch):
    first = read_dataset("there", montgomery, tmp_path / "out", [], progress=False)
    monkeypatch.setattr(sources, "import_dataset", None)  # calling it would be an error
    assert read_dataset("there", montgomery, tmp_path / "out", [], progress=False).equals(first)


def test_so_many_images_of_a_class_are_kept_whole_patients_first_and_the_rest_is_counted(tmp_path):
    values = {"phantoms": {"hospital": "oakdale", "images_per_class": 3}, "at_most": {"covid": 2}}
    left_out = []
    limited = DatasetConfig.model_validate(values)
    images = read_dataset("generated", limited, tmp_path, left_out, progress=False)
    assert images["label"].value_counts().to_dict() == {"normal": 3, "pneumonia": 3, "covid": 2}
    assert [(one.reason, one.count) for one in left_out] == [("beyond the study's `at_most`", 1)]


@pytest.mark.parametrize("limit", [1, 4, 7, 100])
def test_the_same_patients_are_kept_in_any_order_and_none_is_cut_but_the_last(limit):
    rows = pd.DataFrame({"patient_id": np.repeat(list("abcdefgh"), 3), "label": "normal"})
    kept = keep_at_most(rows, {"normal": limit})
    assert len(kept) == min(limit, len(rows))
    assert (kept["patient_id"].value_counts() < 3).sum() <= 1
    shuffled = rows.sample(frac=1, random_state=1)
    assert set(keep_at_most(shuffled, {"normal": limit})["patient_id"]) == set(kept["patient_id"])
    more = keep_at_most(rows, {"normal": limit + 1})
    assert set(kept.index) <= set(more.index)
    assert len(keep_at_most(rows, {"covid": limit})) == len(rows)
