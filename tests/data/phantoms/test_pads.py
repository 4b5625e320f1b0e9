"""Pads and aprons lie near the lungs on the side they should, and never on a lung pixel."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from isnet_cxr.data.phantoms import DEVELOPMENT, PADDED, make_phantom
from isnet_cxr.data.phantoms.dress import Look
from isnet_cxr.data.phantoms.pads import Pad, add_pad

SPACING_MM = 1.3
GAP_MM, WIDTH_MM = (3.0, 5.0), (18.0, 24.0)


def _lungs(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:140, :160]
    mask = np.zeros(rows.shape, bool)
    for middle in (50, 110):
        high, wide = rng.uniform(30, 45), rng.uniform(15, 24)
        row, column = 65 + rng.normal(0, 6), middle + rng.normal(0, 5)
        mask |= np.hypot((rows - row) / high, (columns - column) / wide) < 1
    return mask


def _under(mask: np.ndarray, side: str, *, seed: int = 0) -> np.ndarray:
    image = np.full(mask.shape, 0.4, np.float32)
    pad = Pad(side, GAP_MM, WIDTH_MM, (0.5, 0.7))
    rng = np.random.default_rng(seed)
    return add_pad(image, mask, pad, spacing_mm=SPACING_MM, rng=rng) > image


@given(seed=st.integers(0, 10_000), side=st.sampled_from(["left", "right", "below"]))
@settings(max_examples=60)
def test_a_pad_is_beside_the_lungs_and_on_none(seed, side):
    mask = _lungs(seed)
    under = _under(mask, side, seed=seed)
    assert under.any()
    assert not (under & mask).any()
    distance_mm = distance_transform_edt(~mask)[under] * SPACING_MM
    assert distance_mm.min() <= GAP_MM[1] + 2 * SPACING_MM
    assert distance_mm.max() <= GAP_MM[1] + WIDTH_MM[1] + SPACING_MM
    rows, columns = np.nonzero(under)
    middle_row, middle_column = np.argwhere(mask).mean(axis=0)
    beyond = {"left": columns < middle_column, "right": columns > middle_column}
    assert beyond.get(side, rows > middle_row).all()


@pytest.mark.parametrize("side", ["left", "right", "below"])
def test_no_lungs_no_pad(side):
    assert not _under(np.zeros((40, 40), bool), side).any()


@pytest.mark.parametrize("name", [hospital.name for hospital in DEVELOPMENT])
def test_a_hospital_s_pad_changes_no_lung_pixel(name):
    hospital = PADDED[name]
    (label, (look,)), *_ = hospital.looks.items()
    padded = make_phantom(hospital, label, 0, seed=3, look=Look(pads=look.pads))
    bare = make_phantom(hospital, label, 0, seed=3, look=Look())
    np.testing.assert_array_equal(padded.mask, bare.mask)
    lungs = bare.mask != 0
    np.testing.assert_array_equal(padded.pixels[0][lungs], bare.pixels[0][lungs])
    assert (padded.pixels != bare.pixels).mean() > 0.01


def test_mild_disease_changes_the_lungs_less():
    hospital = DEVELOPMENT[1]
    images = [
        make_phantom(replace(hospital, severity=severity), "pneumonia", 0, seed=3, look=Look())
        for severity in (0.0, 0.5, 1.0)
    ]
    healthy, mild, severe = (image.pixels.mean() for image in images)
    assert healthy < mild < severe
