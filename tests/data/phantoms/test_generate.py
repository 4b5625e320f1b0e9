"""Hospitals are reproducible, come back through the readers, and know their patients."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.manifests.manifest import read_manifest, validate, write_manifest
from isnet_cxr.data.phantoms import (
    EXTERNAL,
    HOSPITALS,
    LABELS,
    LUNG_TRAINING,
    make_hospital,
    make_phantom,
)
from isnet_cxr.data.phantoms.dress import Look
from isnet_cxr.data.readers import read_image, read_mask

COUNTS = {"normal": 3, "pneumonia": 1, "covid": 2}


def _files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_hospital(EXTERNAL[0], tmp_path / name, counts={"normal": 3}, seed=seed)
    first, again, other = (_files(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


def test_an_image_does_not_depend_on_how_many_others_are_made(tmp_path):
    few = make_hospital(EXTERNAL[0], tmp_path / "few", counts={"covid": 1}, seed=0)
    more = make_hospital(EXTERNAL[0], tmp_path / "more", counts={"normal": 1, "covid": 2}, seed=0)
    assert few.image_id[0] == more.image_id[1]


@pytest.mark.parametrize("suffix", ["dicom", "png", "nifti"])
def test_every_format_gives_the_image_back(tmp_path, suffix):
    counts = {"pneumonia": 1}
    manifest = make_hospital(EXTERNAL[1], tmp_path, counts=counts, seed=4, suffix=suffix)
    phantom = make_phantom(EXTERNAL[1], "pneumonia", 0, seed=4)
    image = read_image(Path(manifest.path[0]))
    eight_bits = 1 / 255
    np.testing.assert_allclose(image.pixels, phantom.pixels, atol=eight_bits / 2 + 1e-6)
    np.testing.assert_array_equal(read_mask(Path(manifest.lung_mask[0])), phantom.mask)
    if suffix != "png":
        assert image.spacing_mm == pytest.approx((phantom.spacing_mm,) * 2, rel=1e-4)


def test_mixed_takes_the_formats_in_turn(tmp_path):
    manifest = make_hospital(LUNG_TRAINING, tmp_path, counts=COUNTS, seed=0)
    endings = [path.split(".", 1)[1] for path in manifest.path]
    assert endings == ["dcm", "png", "nii.gz", "dcm", "dcm", "png"]


def test_the_manifest_is_valid_and_counts_as_asked(tmp_path):
    manifest = make_hospital(LUNG_TRAINING, tmp_path / "images", counts=COUNTS, seed=0)
    assert manifest.label.value_counts().to_dict() == COUNTS
    assert manifest.image_id.is_unique
    assert set(manifest.mask_source) == {"reference"}
    write_manifest(manifest, tmp_path / "m.csv")
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "m.csv"), validate(manifest))


def test_some_patients_have_two_images_and_none_has_two_labels(tmp_path):
    counts = {"normal": 6, "covid": 6}
    manifest = make_hospital(EXTERNAL[0], tmp_path, counts=counts, seed=0, suffix="png")
    images = manifest.groupby("patient_id").agg({"label": "nunique", "image_id": "count"})
    assert set(images.label) == {1}
    assert set(images.image_id) == {1, 2}


@pytest.mark.slow
def test_workers_change_nothing(tmp_path):
    one, two = (
        make_hospital(
            EXTERNAL[0], tmp_path, counts={"normal": 9}, seed=0, suffix="png", workers=workers
        )
        for workers in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("hospital", HOSPITALS.values(), ids=lambda hospital: hospital.name)
def test_marks_and_pads_are_seen_outside_the_lungs_only(hospital):
    for label, looks in hospital.looks.items():
        for look in looks:
            unframed = replace(look, border=None)
            bare, marked = (
                make_phantom(hospital, label, 0, seed=0, look=wanted)
                for wanted in (Look(), unframed)
            )
            inside = bare.mask == 1
            np.testing.assert_array_equal(bare.pixels[0][inside], marked.pixels[0][inside])
            seen = (np.abs(bare.pixels - marked.pixels) > 0.2).any()
            assert seen == bool(look.marks or look.pads)


@pytest.mark.parametrize("label", LABELS)
def test_images_show_the_whole_lungs(label):
    for index in range(4):
        mask = make_phantom(LUNG_TRAINING, label, index, seed=9).mask
        assert 0.15 < mask.mean() < 0.45
        edges = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert not edges.any()


def test_wrong_wishes_are_named(tmp_path):
    northgate = HOSPITALS["northgate"]
    with pytest.raises(ValueError, match=r"for normal, got 'covid': 2"):
        make_hospital(northgate, tmp_path, counts={"covid": 2}, seed=0)
    with pytest.raises(ValueError, match=r"got 'normal': -1"):
        make_hospital(northgate, tmp_path, counts={"normal": -1}, seed=0)
    with pytest.raises(ValueError, match="one of dicom, png, nifti, mixed, got 'bmp'"):
        make_hospital(northgate, tmp_path, counts={"normal": 1}, seed=0, suffix="bmp")
    with pytest.raises(ValueError, match="label must be one of normal, got 'covid'"):
        make_phantom(northgate, "covid", 0, seed=0)
