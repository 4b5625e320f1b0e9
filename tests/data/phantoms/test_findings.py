"""Boxes of phantoms lie around what the disease changed, wherever a border moved the image."""

from dataclasses import replace

import numpy as np
import pytest

from isnet_cxr.data.manifests.boxes import boxes_of
from isnet_cxr.data.phantoms import HOSPITALS, make_hospital, make_phantom
from isnet_cxr.data.phantoms.dress import Border, Look
from isnet_cxr.data.phantoms.findings import find_patches, place_patches

HILLCREST = HOSPITALS["hillcrest"]
FRAMED = Look(border=Border(sides=("top", "left"), width_mm=(30, 40), grey=0.0))


def inside(phantom) -> np.ndarray:
    height, width = phantom.mask.shape
    drawn = np.zeros((height, width), bool)
    for left, top, right, bottom in phantom.boxes:
        rows = slice(round(top * height), round(bottom * height))
        drawn[rows, round(left * width) : round(right * width)] = True
    return drawn


@pytest.mark.parametrize("label", ["pneumonia", "covid"])
@pytest.mark.parametrize("look", [Look(), FRAMED], ids=["bare", "framed"])
@pytest.mark.parametrize("index", [0, 3])
def test_nearly_all_of_what_the_disease_changed_lies_in_boxes(label, look, index):
    healthy = replace(HILLCREST, severity=0.0)
    ill, well = (make_phantom(one, label, index, seed=2, look=look) for one in (HILLCREST, healthy))
    changed = np.abs(ill.pixels[0] - well.pixels[0]) * (ill.mask > 0)
    boxed = inside(ill)
    assert changed[boxed].sum() > 0.9 * changed.sum()
    assert 0.01 < boxed.mean() < 0.3
    assert boxed[ill.mask > 0].sum() > 0.5 * boxed.sum()


def test_a_normal_phantom_has_no_box():
    assert make_phantom(HILLCREST, "normal", 0, seed=2).boxes == ()


def test_a_mild_disease_lies_where_a_severe_one_does():
    mild = replace(HILLCREST, severity=0.3)
    boxes = [make_phantom(one, "covid", 1, seed=2).boxes for one in (HILLCREST, mild)]
    assert boxes[0] == boxes[1] != ()


def test_patches_too_small_to_be_seen_get_no_box():
    fluid = np.zeros((60, 60))
    fluid[10:30, 10:25] = 0.5
    fluid[50, 50] = 0.9
    patches = find_patches(fluid, spacing_mm=1.0)
    assert patches == [(10, 10, 25, 30)]
    lungs = np.ones((60, 60), bool)
    framed = np.pad(lungs, ((20, 0), (40, 20)))
    ((left, top, right, bottom),) = place_patches(patches, before=lungs, after=framed)
    assert (left * 120, top * 80, right * 120, bottom * 80) == pytest.approx(
        (50, 30, 65, 50), abs=1e-3
    )


def test_the_manifest_has_them(tmp_path):
    counts = {"normal": 1, "covid": 1}
    manifest = make_hospital(HILLCREST, tmp_path, counts=counts, seed=2, suffix="png")
    found = {row["label"]: boxes_of(row) for _, row in manifest.iterrows()}
    assert found["normal"] == ()
    assert found["covid"] == make_phantom(HILLCREST, "covid", 0, seed=2).boxes != ()
