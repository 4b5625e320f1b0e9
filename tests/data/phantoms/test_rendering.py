"""Exposure keeps the order of attenuation: air black, lung dark, heart and bone bright."""

import numpy as np
import pytest

from isnet_cxr.data.phantoms.rendering import Exposure, expose

CLEAN = Exposure(
    centre_cm=14.5, latitude_cm=4.2, noise=0.0, blur_mm=0.01, scatter=0.0, tilt=(0.0, 0.0)
)


def _expose(attenuation, exposure=CLEAN):
    rng = np.random.default_rng(0)
    return expose(np.asarray(attenuation, np.float32), exposure, spacing_mm=1.3, rng=rng)


def test_air_is_black_and_more_tissue_is_never_darker():
    image = _expose(np.tile(np.linspace(0, 40, 64), (32, 1)))
    assert image[0, 0] == pytest.approx(0, abs=1e-6)
    assert np.all(np.diff(image, axis=1) >= 0)
    assert image.max() > 0.95


def test_scatter_lowers_contrast():
    chest = np.full((64, 64), 12.0)
    chest[:, 32:] = 22.0
    hazy = Exposure(14.5, 4.2, 0.0, 0.01, 0.3, (0.0, 0.0))
    assert np.ptp(_expose(chest, hazy)) < np.ptp(_expose(chest))


@pytest.mark.parametrize("shape", [(61, 47), (300, 280)])
def test_image_has_the_shape_of_what_was_exposed_and_stays_in_range(shape):
    noisy = Exposure(14.5, 4.2, 0.2, 0.8, 0.2, (2.0, -2.0))
    image = _expose(np.random.default_rng(1).uniform(0, 40, shape), noisy)
    assert image.shape == shape
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
