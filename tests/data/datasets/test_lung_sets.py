import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.manifests.importing import import_dataset
from isnet_cxr.data.readers import jsrt as raw
from isnet_cxr.data.readers import read_mask
from isnet_cxr.data.writers import write_mask, write_png

LEFT, RIGHT = np.zeros((2, 4, 6), np.uint8)
LEFT[:, 4:], RIGHT[:, :2] = 1, 1


@pytest.fixture
def montgomery(tmp_path):
    name = "MCUCXR_0104_1.png"
    write_png(np.arange(24, dtype=np.uint8).reshape(4, 6), tmp_path / "CXR_png" / name)
    write_mask(LEFT, tmp_path / "ManualMask" / "leftMask" / name)
    write_mask(RIGHT, tmp_path / "ManualMask" / "rightMask" / name)
    reading = tmp_path / "ClinicalReadings" / "MCUCXR_0104_1.txt"
    reading.parent.mkdir()
    reading.write_text("Patient's Sex: F\nPatient's Age: 027Y\ncavitary infiltrate\n")
    return tmp_path


def test_montgomery_has_a_mask_for_each_lung(montgomery):
    (record,) = ADAPTERS["montgomery"].read(montgomery).records
    assert (record.label, record.age, record.sex) == ("tuberculosis", 27, "F")
    assert [mask.parent.name for mask in record.lung_masks] == ["leftMask", "rightMask"]


def test_the_masks_of_both_lungs_become_one(montgomery, tmp_path):
    options = {"workers": 1, "progress": False}
    manifest = import_dataset("montgomery", montgomery, anew=tmp_path / "m", **options).manifest
    np.testing.assert_array_equal(read_mask(Path(manifest["lung_mask"][0])), LEFT | RIGHT)
    assert manifest["mask_source"].tolist() == ["reference"]
    with pytest.raises(ValueError, match="montgomery: it has a mask for each lung; a folder"):
        import_dataset("montgomery", montgomery, **options)


def test_jsrt_has_masks_of_the_same_name(tmp_path, touch):
    for name in ("JPCLN001.png", "JPCNN001.png"):
        touch(tmp_path / "images" / name, tmp_path / "masks" / name)
    records = ADAPTERS["jsrt"].read(tmp_path).records
    assert [record.label for record in records] == ["nodule", "normal"]
    assert all(record.lung_masks[0].name == record.path.name for record in records)


def test_jsrt_as_published_gets_scr_masks_of_the_images_size(tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "SIZE_PX", 8)
    monkeypatch.setattr(raw, "BYTES", 2 * 8 * 8)
    (tmp_path / "All247images").mkdir()
    density = np.arange(64, dtype=">u2").reshape(8, 8)
    density.tofile(tmp_path / "All247images" / "JPCLN001.IMG")
    for side, columns in {"left lung": [3], "right lung": [0]}.items():
        mask = np.zeros((4, 4), np.uint8)
        mask[:, columns] = 255
        folder = tmp_path / "scratch" / "fold1" / "masks" / side
        folder.mkdir(parents=True)
        Image.fromarray(mask).save(folder / "JPCLN001.gif")
    imported = import_dataset("jsrt", tmp_path, anew=tmp_path / "joined", workers=1, progress=False)
    (row,) = imported.manifest.to_dict("records")
    assert (row["label"], row["height_px"]) == ("nodule", 8)
    assert row["spacing_row_mm"] == pytest.approx(2048 * 0.175 / 8)
    np.testing.assert_array_equal(read_mask(Path(row["lung_mask"])), [[1, 1, 0, 0, 0, 0, 1, 1]] * 8)


def test_v7_keeps_images_with_lungs_and_ignores_what_is_to_be_ignored(tmp_path):
    mask = np.array([[255, 127, 0, 255]] * 4, np.uint8)
    names = {"1676192": ["Lung", "Bacterial Pneumonia"], "1676193": ["Lung"], "1676194": ["CT"]}
    masks = tmp_path / "annotations" / "all-images-semantic-masks"
    for name, tags in names.items():
        write_png(np.arange(16, dtype=np.uint8).reshape(4, 4), tmp_path / "images" / f"{name}.jpg")
        content = {"image": {"filename": f"{name}.jpg"}, "annotations": [{"name": t} for t in tags]}
        masks.mkdir(parents=True, exist_ok=True)
        (tmp_path / "annotations" / f"{name}.json").write_text(json.dumps(content))
        if "Lung" in tags:
            write_png(mask, masks / f"{name}.png")
    listing = ADAPTERS["v7"].read(tmp_path)
    assert [r.label for r in listing.records] == ["pneumonia", ""]
    assert listing.left_out == {"no lung mask: a lateral image or a CT slice": 1}
    np.testing.assert_array_equal(read_mask(listing.records[0].lung_masks[0])[0], [1, 0, 0, 1])


@pytest.mark.parametrize("size", [(12, 16), (61, 40)])
def test_images_of_v7_whose_mask_is_all_background_are_left_out_and_counted(tmp_path, size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    lungs = np.where((columns // 3) % 2 & (rows > 2), 255, 0).astype(np.uint8)
    marked = np.where(rows < size[0] // 2, 127, 0).astype(np.uint8)
    bare = {
        "black": 0 * lungs, "ignored": 0 * lungs + 127, "half ignored": marked, "slice": None
    }  # fmt: skip
    masks = tmp_path / "annotations" / "all-images-semantic-masks"
    for number, (name, mask) in enumerate({"frontal": lungs, **bare}.items()):
        write_png((rows * 3 + columns + number).astype(np.uint8), tmp_path / f"images/{name}.png")
        if mask is not None:
            write_png(mask, masks / f"{name}.png")
    imported = import_dataset("v7", tmp_path, workers=1, progress=False)
    assert [Path(path).stem for path in imported.manifest["path"]] == ["frontal"]
    assert imported.left_out == {"no lung mask: a lateral image or a CT slice": len(bare)}
    assert imported.failures == []


def test_what_v7_ignores_is_no_lung_for_whoever_reads_the_manifest(tmp_path):
    mask = np.zeros((20, 24), np.uint8)
    mask[4:16, 3:8], mask[4:16, 14:20] = 255, 127
    write_png(np.arange(480, dtype=np.uint8).reshape(mask.shape) % 251, tmp_path / "images/1.png")
    write_png(mask, tmp_path / "annotations" / "all-images-semantic-masks" / "1.png")
    imported = import_dataset("v7", tmp_path, workers=1, progress=False, anew=tmp_path / "anew")
    (path,) = imported.manifest["lung_mask"]
    np.testing.assert_array_equal(read_mask(path), mask == 255)


def test_a_mask_that_is_lung_everywhere_is_a_failure(tmp_path):
    write_png(np.arange(99, dtype=np.uint8).reshape(9, 11), tmp_path / "images/1.png")
    write_png(
        np.full((9, 11), 255, np.uint8), tmp_path / "annotations/all-images-semantic-masks/1.png"
    )
    imported = import_dataset("v7", tmp_path, workers=1, progress=False)
    assert [one.reason for one in imported.failures] == ["lung mask: the whole image would be lung"]


def test_a_damaged_annotation_of_v7_is_one_line(tmp_path, touch, touch_mask):
    touch(tmp_path / "images" / "1.png")
    touch_mask(tmp_path / "annotations" / "all-images-semantic-masks" / "1.png")
    (tmp_path / "annotations" / "1.json").write_text("{}")
    with pytest.raises(ValueError, match="annotation of image 0: a list of annotations"):
        ADAPTERS["v7"].read(tmp_path)


def test_tb_portals_has_countries_as_sites(tmp_path, touch, write_table):
    url = "0a1b/study/series/1.dcm"
    row = {"condition_id": "c1", "patient_id": "p1", "country": "Georgia"}
    write_table(
        tmp_path / "TB_Portals_CXRs_August_2023.csv", [row | {"series_instance_content_url": url}]
    )
    touch(tmp_path / "TB_Portals_Published_CXRs_August_2023" / url)
    (record,) = ADAPTERS["tb_portals"].read(tmp_path).records
    assert (record.label, record.site, record.patient) == ("tuberculosis", "Georgia", "p1")
