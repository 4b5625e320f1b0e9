"""A made-up manifest is one that the project takes, and each of its steps is timed."""

import pytest

from isnet_cxr.data.bench.manifests import (
    IMAGES_PER_PATIENT,
    SITES,
    make_manifest,
    measure_manifests,
)
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.manifests.splits import assign_splits


def test_images_are_valid_and_unlike_each_other():
    manifest = validate(make_manifest(600))
    assert manifest["image_id"].is_unique
    assert manifest["site"].nunique() == SITES
    assert manifest.groupby("patient_id").size().unique().tolist() == [IMAGES_PER_PATIENT]
    assert (manifest.groupby("patient_id")["site"].nunique() == 1).all()
    assert (manifest.groupby("site")["dataset"].nunique() == 1).all()


def test_they_can_be_split_by_patient():
    split = assign_splits(validate(make_manifest(600)), seed=0)
    assert set(split["split"]) == {"train", "val", "test"}
    assert (split.groupby("patient_id")["split"].nunique() == 1).all()


@pytest.mark.slow
def test_every_step_is_timed_in_a_process_of_its_own():
    speeds = measure_manifests(300)
    assert speeds.rows == 300
    assert list(speeds.seconds) == list(speeds.cpu_seconds) == ["write", "read", "split", "tables"]
    assert all(spent > 0 for spent in speeds.seconds.values())
    assert 50 * 2**20 < speeds.peak_bytes < 4 * 2**30
