"""What is timed is what is said: every image decoded once, then taken from what was kept."""

import time
from pathlib import Path

import pytest
import torch

from isnet_cxr.data.bench.images import DISTINCT, disk_bytes, measure_cache, seconds, write_images
from isnet_cxr.data.bench.persistent import measure_persistent
from isnet_cxr.data.learning import cache as cache_module
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import read_image, read_mask

IMAGES = DISTINCT + 2


@pytest.fixture(scope="module")
def png(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("png"), images=IMAGES, height_px=96, suffix="png")


def test_images_have_the_height_asked_for_and_masks_that_fit(png):
    assert len(png) == IMAGES
    for path, mask in png[["path", "lung_mask"]].itertuples(index=False):
        pixels = read_image(Path(path)).pixels
        lungs = read_mask(Path(mask))
        assert pixels.shape[1] == 96
        assert lungs.shape == pixels.shape[1:]
        assert pixels[0][lungs == 1].mean() < pixels[0][lungs == 0].mean() + 0.2
        assert 0.05 < lungs.mean() < 0.6


def test_no_image_is_another_one_s_copy(png):
    ids = {image_id(read_image(Path(path)).pixels) for path in png["path"]}
    assert len(ids) == IMAGES


def test_both_formats_hold_the_same_images(png, tmp_path):
    dicom = write_images(tmp_path, images=2, height_px=96, suffix="dicom")
    of_two = write_images(tmp_path, images=2, height_px=96, suffix="png")
    for one, other in zip(dicom["path"], of_two["path"], strict=True):
        assert read_image(Path(one)).spacing_mm is not None
        difference = read_image(Path(one)).pixels - read_image(Path(other)).pixels
        assert abs(difference).max() < 0.51 / 255 + 0.51 / 4095


def test_the_cache_decodes_every_image_in_the_first_epoch_alone(png, tmp_path, monkeypatch):
    prepare, seen = cache_module._prepare, []

    def counted(task):
        seen.append(task.path)
        return prepare(task)

    monkeypatch.setattr(cache_module, "_prepare", counted)
    speeds = measure_cache(png, tmp_path / "cache", size_px=32, repeats=3)
    assert sorted(map(str, seen)) == sorted(png["path"])
    assert 0 < speeds.first_per_s < speeds.later_per_s
    assert speeds.disk_bytes >= 2 * IMAGES * 32 * 32  # images and masks, a byte per pixel


@pytest.mark.filterwarnings("ignore:NvImgCodec")  # MONAI has no GPU decoder here
def test_monai_keeps_a_file_per_image_of_the_size_that_is_compared(png, tmp_path):
    speeds = measure_persistent(png, tmp_path / "kept", size_px=32, repeats=1)
    kept = sorted((tmp_path / "kept").glob("*.pt"))
    assert len(kept) == IMAGES
    item = torch.load(kept[0], weights_only=False)
    assert {name: tuple(value.shape) for name, value in item.items()} == {
        "image": (1, 32, 32),
        "mask": (1, 32, 32),
    }
    assert speeds.first_per_s > 0
    assert speeds.later_per_s > 0
    assert speeds.disk_bytes >= sum(path.stat().st_size for path in kept)


def test_seconds_are_those_on_the_wall():
    assert 0.05 <= seconds(lambda: time.sleep(0.05)) < 5


def test_holes_of_a_file_take_no_room(tmp_path):
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(10**7)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "full").write_bytes(bytes(range(256)) * 400)
    assert 102_400 <= disk_bytes(tmp_path) < 10**6
