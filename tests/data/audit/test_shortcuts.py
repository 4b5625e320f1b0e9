"""The class is guessed where it is given away, and not where it is not."""

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.audit import measure_shortcuts
from isnet_cxr.data.audit.appearance import BORDER_PX, CORNER_PX, SIZE_PX, see

IMAGES = 120


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr("isnet_cxr.data.audit.shortcuts.TREES", 30)


@pytest.fixture
def images():
    """Images of two classes, two per patient, whose metadata and source say nothing."""
    rng = np.random.default_rng(0)
    patients = np.arange(IMAGES) // 2
    return pd.DataFrame(
        {
            "label": np.where(patients % 2, "covid", "normal"),
            "dataset": "a",
            "site": "s",
            "view": rng.choice(["AP", "PA", ""], IMAGES),
            "sex": rng.choice(["M", "F"], IMAGES),
            "age": np.where(rng.random(IMAGES) < 0.1, np.nan, rng.integers(20, 80, IMAGES)),
            "height_px": 400,
            "width_px": 300,
            "spacing_row_mm": np.nan,
            "spacing_col_mm": np.nan,
        }
    )


def patients():
    return pd.Series(np.arange(IMAGES) // 2)


def measure(images, evidence):
    found = measure_shortcuts(images, patients(), {"border": evidence.astype(np.float32)})
    return {one.evidence: one for one in found}


def test_evidence_that_gives_the_class_away_is_found(images):
    noise = np.random.default_rng(1).random((IMAGES, 10))
    noise[:, 3] += images["label"] == "covid"
    found = measure(images, noise)
    assert found["border"].macro_auc > 0.95
    assert found["border"].balanced_accuracy > 0.9
    assert set(found) == {"border", "metadata", "source"}


def test_noise_guesses_by_chance(images):
    found = measure(images, np.random.default_rng(1).random((IMAGES, 10)))
    assert found["border"].macro_auc == pytest.approx(0.5, abs=0.15)
    assert found["metadata"].macro_auc == pytest.approx(0.5, abs=0.15)
    assert found["source"].macro_auc == pytest.approx(0.5, abs=0.01)
    assert found["border"].chance == 0.5


def test_a_patient_is_not_recognised(images):
    """Evidence that names the patient, and so the label of the patient's other image, is no use."""
    identity = np.random.default_rng(2).random((IMAGES // 2, 8))
    found = measure(images, np.repeat(identity, 2, axis=0))
    assert found["border"].macro_auc == pytest.approx(0.5, abs=0.15)


def test_a_source_with_one_class_gives_it_away(images):
    images["dataset"] = np.where(images["label"] == "covid", "web", "clinic")
    assert measure(images, np.zeros((IMAGES, 1)))["source"].macro_auc == 1.0


def test_classes_of_few_patients_and_images_without_label_are_left_out(images):
    images.loc[:7, "label"] = "rare"  # four patients
    images.loc[8:11, "label"] = ""
    found = measure(images, np.zeros((IMAGES, 1)))
    assert found["source"].labels == ("covid", "normal")
    assert found["source"].images == IMAGES - 12


def test_one_class_has_no_shortcut(images):
    images["label"] = "covid"
    assert measure(images, np.zeros((IMAGES, 1))) == {}


def test_large_classes_are_drawn_from(images, monkeypatch):
    monkeypatch.setattr("isnet_cxr.data.audit.shortcuts.MAX_IMAGES_PER_LABEL", 30)
    assert measure(images, np.zeros((IMAGES, 1)))["border"].images == 60


def test_the_lungs_are_in_neither_border_nor_corners():
    image = np.zeros((4 * SIZE_PX, 3 * SIZE_PX), dtype=np.float32)
    image[4 * CORNER_PX : -4 * CORNER_PX, 3 * BORDER_PX + 3 : -3 * BORDER_PX - 3] = 1.0
    image[4 * BORDER_PX + 4 : -4 * BORDER_PX - 4, 3 * CORNER_PX : -3 * CORNER_PX] = 1.0
    seen = see(image)
    assert seen.border.shape == (SIZE_PX**2 - (SIZE_PX - 2 * BORDER_PX) ** 2,)
    assert seen.corners.shape == (4 * CORNER_PX**2,)
    assert seen.border.max() < 0.1
    assert seen.corners.max() < 0.6  # the area filter reaches half a pixel across


def test_a_marker_is_seen_in_its_corner():
    image = np.zeros((256, 256), dtype=np.float32)
    image[10:40, 220:250] = 1.0
    corners = see(image).corners.reshape(4, -1).max(axis=1)
    assert (corners > 0.5).tolist() == [False, True, False, False]
