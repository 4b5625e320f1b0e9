"""Shortcuts are measured once for the same images, and say nothing of unreadable ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.audit import Leak
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.study import audit as module
from isnet_cxr.pipeline.study.audit import audit_study
from isnet_cxr.pipeline.study.images import StudyImages


@pytest.fixture
def images(write_images) -> StudyImages:
    """Forty images whose class is told by a bright border, and a test elsewhere."""
    development = read_manifest(write_images("here", count=40))
    for path, label in zip(development["path"], development["label"], strict=True):
        image = np.random.default_rng(len(path)).integers(60, 120, (40, 32), dtype=np.uint8)
        image[:3] = image[-3:] = image[:, :3] = image[:, -3:] = 250 if label == "covid" else 5
        write_png(image, Path(path))
    return StudyImages(
        {"here": development}, development, {"away": read_manifest(write_images("there"))}
    )


def by_evidence(found: dict) -> dict[str, float]:
    return {own["evidence"]: own["macro_auc"] for own in found["shortcuts"]}


def test_a_class_that_the_border_tells_is_guessed_from_it(images, tmp_path):
    found = audit_study(images, tmp_path, progress=False)
    assert by_evidence(found)["border"] > 0.95
    assert by_evidence(found)["metadata"] < 0.8
    assert found["roles"]["away"] == {"images": 8, "patients": 8}
    assert sum(found["roles"][split]["images"] for split in ("train", "val")) == 40


def test_the_same_images_are_looked_at_once(images, tmp_path, monkeypatch):
    first = audit_study(images, tmp_path, progress=False)
    monkeypatch.setattr(module, "_shortcuts", None)  # calling it would be an error
    assert audit_study(images, tmp_path, progress=False) == first
    moved = replace(images, development=images.development.assign(path="/moved/away.png"))
    assert audit_study(moved, tmp_path, progress=False) == first


def test_other_images_or_leaks_are_audited_anew(images, tmp_path):
    first = audit_study(images, tmp_path, progress=False)
    fewer = replace(images, development=images.development.iloc[:20].reset_index(drop=True))
    again = audit_study(fewer, tmp_path, progress=False)
    assert again["roles"] != first["roles"]
    leak = Leak("images", "train", "away", 3, ())
    leaking = replace(fewer, leaks=(leak,))
    assert audit_study(leaking, tmp_path, progress=False)["leaks"][0]["count"] == 3


def test_unreadable_images_are_left_out(images, tmp_path):
    for path in images.development["path"]:
        Path(path).write_bytes(b"no image")
    assert audit_study(images, tmp_path, progress=False)["shortcuts"] == []
    write_png(np.zeros((40, 32), np.uint8), Path(images.development["path"][0]))
    audit_study(images, tmp_path / "other", progress=False)  # one image is no error either
