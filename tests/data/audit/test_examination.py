"""The whole audit on a few images: nothing of a patient or a file name is in what it says."""

import json

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.audit import audit_images, plain_audit
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.manifests.records import image_id, patient_key
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_png


@pytest.fixture
def write(tmp_path):
    """Write images of random structure; return their manifest."""

    def write(dataset, seeds, **columns):
        rows = []
        for number, seed in enumerate(seeds):
            path = tmp_path / dataset / f"Jane Doe {number}.png"
            coarse = np.random.default_rng(seed).random((12, 10), dtype=np.float32)
            write_png(np.kron(coarse, np.ones((8, 8), np.float32))[np.newaxis], path)
            rows.append(
                {
                    "image_id": image_id(read_image(path).pixels),
                    "path": str(path),
                    "dataset": dataset,
                    "patient_id": patient_key(dataset, str(number)),
                    "label": ("normal", "covid")[number % 2],
                    "height_px": 96,
                    "width_px": 80,
                }
            )
        return validate(pd.DataFrame(rows).assign(**columns))

    return write


def test_what_is_in_two_roles_is_a_leak(write):
    development, away = write("here", range(4), split="train"), write("there", [9, 3, 8])
    found = audit_images(development, {"away": away}, progress=False)
    assert found.images == {"train": 4, "away": 3}
    assert [leak.name for leak in found.leaks] == ["images in train and away"]
    (between,) = plain_audit(found)["copies"]["between"]
    assert between == {
        "datasets": ["here", "there"], "kind": "same pixels", "pairs": 1, "images": 2,
    }  # fmt: skip


@pytest.mark.parametrize("read_pixels", [True, False])
def test_the_same_pixels_are_found_with_and_without_reading(write, read_pixels):
    images = write("here", [1, 2, 1, 3])
    found = audit_images(images, read_pixels=read_pixels, progress=False)
    assert found.copies["kind"].tolist() == ["same pixels"]
    assert found.leaks == []


def test_an_image_that_cannot_be_read_is_listed_and_the_rest_is_done(write, tmp_path):
    images = write("here", range(5))
    (tmp_path / "here" / "Jane Doe 2.png").write_bytes(b"no image")
    found = audit_images(images, progress=False)
    assert list(found.unreadable) == [images["image_id"][2]]
    assert found.images == {"development": 4}


def test_the_answer_names_neither_files_nor_patients(write):
    images = write("here", [1, 2, 1, 3])
    text = json.dumps(plain_audit(audit_images(images, progress=False)), allow_nan=False)
    assert "Jane" not in text
    assert not any(patient in text for patient in images["patient_id"])


def test_without_reading_no_file_is_needed(write, tmp_path):
    images = write("here", range(4))
    for path in (tmp_path / "here").iterdir():
        path.unlink()
    found = audit_images(images, read_pixels=False, progress=False)
    assert (found.unreadable, found.shortcuts) == ({}, [])
    assert found.associations
