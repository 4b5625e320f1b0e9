"""A development set of phantoms, prepared, and the gate that was fitted to it."""

import os
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.gate.gate import Gate
from isnet_cxr.data.gate.statistics import fit_statistics
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, prepare_mask, to_bytes
from isnet_cxr.data.phantoms import DEVELOPMENT, EXTERNAL, make_phantom

SIZE_PX = 64
SETTINGS = Preprocessing(size_px=SIZE_PX)


def prepared(pixels):
    return to_bytes(prepare_image(np.asarray(pixels, dtype=np.float32), SETTINGS)[0])


def phantoms(hospitals, count):
    """Prepared images and masks of ``count`` patients of each hospital."""
    images, masks = [], []
    for hospital in hospitals:
        labels = sorted(hospital.looks)
        for number in range(count):
            phantom = make_phantom(hospital, labels[number % len(labels)], number, seed=5)
            images.append(prepared(phantom.pixels))
            masks.append(prepare_mask(phantom.mask, SIZE_PX))
    return np.stack(images), np.stack(masks)


@pytest.fixture(scope="session")
def development():
    """Training and held-out images, with masks."""
    images, masks = phantoms(DEVELOPMENT, 40)
    held = np.arange(len(images)) % 5 == 0
    return (images[~held], masks[~held]), (images[held], masks[held])


@pytest.fixture(scope="session")
def statistics(development):
    return fit_statistics(*development, seed=0)


@pytest.fixture(scope="session")
def gate(statistics):
    return Gate(statistics)


@pytest.fixture(scope="session")
def external():
    """Images and masks of hospitals that the gate has not seen."""
    return phantoms(EXTERNAL, 12)


@pytest.fixture(scope="session")
def cxr_folder():
    """Folder of the real chest X-ray sets, for fixtures of a module."""
    root = os.environ.get("ISNET_CXR_DATA")
    if not root:
        pytest.skip("ISNET_CXR_DATA is unset: no real chest X-rays")
    return Path(root)
