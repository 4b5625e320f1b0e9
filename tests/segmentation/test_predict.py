from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from isnet_cxr.data.learning.package import Package, write_package
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image
from isnet_cxr.data.learning.seal import seal_again
from isnet_cxr.data.readers import read_image, read_mask
from isnet_cxr.data.review.flags import INVERTED, NO_CHEST
from isnet_cxr.data.settings import plain_settings
from isnet_cxr.data.writers import write_png
from isnet_cxr.segmentation.network import KIND, build_network
from isnet_cxr.segmentation.predict import predict_masks
from isnet_cxr.segmentation.segmenter import LungSegmenter


class Brightness(torch.nn.Module):
    """Stands for a perfectly trained network: bright is lung."""

    def forward(self, images):
        return 40 * (images - 0.5)


@pytest.fixture
def segmenter():
    return LungSegmenter(
        Brightness(), Preprocessing(size_px=32, exposure="none"), threshold=0.5, mirror=True
    )


@pytest.fixture
def package(settings, tmp_path):
    """Write a package of an untrained network."""
    config = {
        "kind": KIND,
        "network": plain_settings(settings.network),
        "preprocessing": plain_settings(settings.preprocessing),
        "threshold": 0.5,
        "test_time_mirror": True,
    }
    weights = build_network(settings.network, seed=4).state_dict()
    return write_package(Package(weights, config, {}, ""), tmp_path / "package")


def test_a_gpu_finds_the_lungs_that_a_cpu_finds(package, gpu):
    squares = np.random.default_rng(0).random((3, 1, 64, 64), dtype=np.float32)
    here, there = (LungSegmenter.load(package, on).probabilities(squares) for on in ("cpu", gpu))
    np.testing.assert_allclose(there, here, atol=0.01)


@pytest.mark.parametrize(("height", "width"), [(120, 90), (64, 200), (31, 17)])
def test_a_mask_has_the_size_of_its_image_and_lies_on_it(segmenter, height, width):
    image = np.full((1, height, width), 0.2, dtype=np.float32)
    lungs = np.zeros((height, width), dtype=np.uint8)
    for left in (0.15, 0.6):
        rows = slice(round(0.2 * height), round(0.8 * height))
        lungs[rows, round(left * width) : round((left + 0.25) * width)] = 1
    image[0, lungs == 1] = 0.9
    mask = segmenter.segment(image).mask
    assert mask.shape == lungs.shape
    assert mask.dtype == np.uint8
    assert 2 * (mask & lungs).sum() / (mask.sum() + lungs.sum()) > 0.85


def test_an_image_without_lungs_has_an_empty_mask_that_failed(segmenter):
    lungs = segmenter.segment(np.zeros((1, 50, 40), dtype=np.float32))
    assert not lungs.mask.any()
    assert lungs.quality == "failed"


def test_a_loaded_package_gives_the_masks_of_its_network(package, settings, write_images):
    image = read_image(Path(write_images({"test": 1})["path"][0])).pixels
    network = build_network(settings.network, seed=3)
    direct = LungSegmenter(network, settings.preprocessing, threshold=0.5, mirror=True)
    expected, found = direct.segment(image), LungSegmenter.load(package).segment(image)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.quality == expected.quality


def test_a_mirrored_image_has_the_mirrored_lungs(settings, write_images):
    image = read_image(Path(write_images({"test": 1})["path"][0])).pixels
    network = build_network(settings.network, seed=3)
    both = LungSegmenter(network, settings.preprocessing, threshold=0.5, mirror=True)
    one = LungSegmenter(network, settings.preprocessing, threshold=0.5)
    squares = prepare_image(image, settings.preprocessing)[np.newaxis]
    size = [squares.shape[-2:]]
    expected = both.segment_prepared(squares, size)[0].mask
    found = both.segment_prepared(squares[..., ::-1].copy(), size)[0].mask
    np.testing.assert_array_equal(found[:, ::-1], expected)
    alone = one.segment_prepared(squares[..., ::-1].copy(), size)[0].mask
    assert (alone[:, ::-1] != one.segment_prepared(squares, size)[0].mask).any()


def test_predicted_masks_do_not_depend_on_the_batch(package, write_images, tmp_path):
    manifest = write_images({"test": 18})  # more than one batch
    predicted, failures = predict_masks(manifest, package, tmp_path / "out", progress=False)
    assert not failures
    assert predicted["image_id"].tolist() == manifest["image_id"].tolist()
    assert set(predicted["mask_source"]) == {"predicted"}
    segmenter = LungSegmenter.load(package)
    for row in (0, 17):
        alone = segmenter.segment(read_image(Path(manifest["path"][row])).pixels)
        np.testing.assert_array_equal(read_mask(Path(predicted["lung_mask"][row])), alone.mask)
        assert predicted["mask_quality"][row] == alone.quality


def test_a_bad_file_is_listed_and_does_not_stop_the_others(package, write_images, tmp_path):
    manifest = write_images({"test": 3})
    Path(manifest["path"][1]).write_bytes(b"no image")
    predicted, failures = predict_masks(manifest, package, tmp_path / "out", progress=False)
    assert [failure.path for failure in failures] == [Path(manifest["path"][1])]
    assert predicted["image_id"].tolist() == manifest["image_id"].iloc[[0, 2]].tolist()


def test_reasons_are_written_beside_the_masks(package, write_images, tmp_path):
    predicted, _ = predict_masks(write_images({"test": 2}), package, tmp_path, progress=False)
    reasons = pd.read_csv(tmp_path / "quality.csv", keep_default_na=False)
    assert reasons["mask_quality"].tolist() == predicted["mask_quality"].tolist()
    assert ((reasons["reasons"] == "") == (reasons["mask_quality"] == "good")).all()


def test_images_are_suspected_by_their_predicted_masks(
    package, segmenter, write_images, tmp_path, monkeypatch
):
    """Lungs that are bright, as in these images, are what an inverted chest has."""
    manifest = write_images({"test": 2})
    write_png(np.zeros((40, 32), np.uint8), Path(manifest["path"][1]))
    monkeypatch.setattr(LungSegmenter, "load", lambda *_: segmenter)
    predicted, _ = predict_masks(manifest, package, tmp_path / "out", progress=False)
    assert predicted["review_flag"].tolist() == [INVERTED, NO_CHEST]
    listed = pd.read_csv(tmp_path / "out" / "quality.csv", keep_default_na=False)
    assert listed["review_flag"].tolist() == [INVERTED, NO_CHEST]


def test_no_image_gives_an_empty_manifest(package, write_images, tmp_path):
    manifest = write_images({"test": 1}).iloc[:0]
    predicted, failures = predict_masks(manifest, package, tmp_path / "out", progress=False)
    assert predicted.empty
    assert not failures


def test_weights_of_another_network_are_refused(package):
    config = (package / "config.yaml").read_text()
    (package / "config.yaml").write_text(config.replace("- 8\n", "- 4\n"))
    seal_again(package)  # as if it had been written so
    with pytest.raises(ValueError, match="the weights do not fit the network"):
        LungSegmenter.load(package)


def test_another_kind_of_package_is_refused(package):
    config = (package / "config.yaml").read_text()
    (package / "config.yaml").write_text(config.replace(KIND, "classifier"))
    seal_again(package)
    with pytest.raises(ValueError, match="expected a package of kind 'lung-segmenter'"):
        LungSegmenter.load(package)
