"""On real images: chests of a hospital that was not fitted pass, and what is no chest does not.

The thresholds were not chosen on these: models are fitted to shenzhen, chests are jsrt's.
"""

import numpy as np
import pytest

from isnet_cxr.data.gate.gate import Gate, Seen
from isnet_cxr.data.gate.statistics import fit_statistics
from isnet_cxr.data.gate.verdict import REFUSED
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, prepare_mask, to_bytes
from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask

SETTINGS = Preprocessing(size_px=96)
EVERY = 2
CHESTS = ("CR-MONO1-10-chest", "RG1_J2KI", "RG1_JLSN", "RSNA-cr-jpeg-baseline")
OTHERS = ("RG2_JLSL", "RG3_JPLL", "RG3_RLE", "CR-ModalitySequenceLUT")


def square(pixels):
    return to_bytes(prepare_image(np.ascontiguousarray(pixels), SETTINGS)[0])


def load(pairs):
    images = np.stack([square(read_image(image).pixels) for image, _ in pairs])
    masks = np.stack([prepare_mask(read_mask(mask), SETTINGS.size_px) for _, mask in pairs])
    return images, masks


@pytest.fixture(scope="module")
def gate(cxr_folder):
    root = cxr_folder / "shenzhen"
    images = sorted((root / "CXR_png").glob("*.png"))
    pairs = [(path, root / "mask" / f"{path.stem}_mask.png") for path in images]
    images, masks = load([pair for pair in pairs if pair[1].is_file()])
    held = np.arange(len(images)) % 5 == 0
    training, held_out = (images[~held], masks[~held]), (images[held], masks[held])
    return Gate(fit_statistics(training, held_out, seed=0))


@pytest.fixture(scope="module")
def chests(cxr_folder):
    root = cxr_folder / "jsrt"
    images = sorted((root / "images").iterdir())[::EVERY]
    return load([(path, root / "masks" / path.name) for path in images])


def refused(gate, images, masks):
    pairs = zip(images, masks, strict=True)
    return np.mean([gate.judge(Seen(*pair)).name == REFUSED for pair in pairs])


def test_chests_of_another_hospital_pass(gate, chests):
    assert refused(gate, *chests) <= 0.01


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_chests_are_refused(gate, chests, turns):
    turned = [np.rot90(planes, turns, (1, 2)) for planes in chests]
    assert refused(gate, *turned) >= 0.95


def test_upside_down_chests_and_negatives_are_refused(gate, chests):
    images, masks = chests
    assert refused(gate, images[:, ::-1], masks[:, ::-1]) >= 0.95
    assert refused(gate, 255 - images, masks) >= 0.95


def test_dicom_files_of_other_body_parts_are_refused_and_chests_are_not(gate, cxr_folder):
    root = cxr_folder.parent / "dicom"
    if not root.is_dir():
        pytest.skip("no dicom/ beside ISNET_CXR_DATA: no real DICOM files")
    for name in (*CHESTS, *OTHERS):
        try:
            image = read_image(root / f"{name}.dcm")
        except UnreadableImage:
            continue
        seen = Seen(square(image.pixels), None)
        verdict = gate.judge(seen, pixels=image.pixels, header=image.header)
        assert (verdict.name == REFUSED) == (name in OTHERS), (name, verdict.reason)
