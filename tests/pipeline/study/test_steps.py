"""Steps are done once, go on when interrupted, and start over when their inputs change."""

import pandas as pd
import pytest

from isnet_cxr.pipeline.study.steps import Step, digest_manifest, digest_values


def test_a_finished_step_is_finished_for_the_same_inputs_only(tmp_path):
    step = Step(tmp_path / "step", digest_values({"epochs": 3}))
    step.begin()
    assert not step.is_finished
    step.finish()
    assert step.is_finished
    assert not Step(tmp_path / "step", digest_values({"epochs": 4})).is_finished


def test_an_interrupted_step_keeps_what_it_has(tmp_path):
    step = Step(tmp_path / "step", "same")
    step.begin()
    (step.folder / "checkpoint").touch()
    Step(tmp_path / "step", "same").begin()
    assert (step.folder / "checkpoint").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_other_inputs_empty_the_folder(tmp_path, finished):
    step = Step(tmp_path / "step", "old")
    step.begin()
    (step.folder / "checkpoint").touch()
    if finished:
        step.finish()
    Step(tmp_path / "step", "new").begin()
    assert not (step.folder / "checkpoint").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="not written by a study"):
        Step(tmp_path, "same").begin()
    assert (tmp_path / "thesis.tex").exists()


def test_the_order_of_keys_does_not_change_a_digest():
    assert digest_values({"a": 1, "b": 2}) == digest_values({"b": 2, "a": 1})


def test_a_manifests_digest_ignores_where_the_images_lie():
    images = pd.DataFrame(
        {
            "image_id": ["a"],
            "label": ["x"],
            "path": ["/here"],
            "lung_mask": [""],
            "review_flag": [""],
        }
    )
    moved = images.assign(path="/there")
    relabelled = images.assign(label="y")
    assert digest_manifest(images) == digest_manifest(moved)
    assert digest_manifest(images) != digest_manifest(relabelled)
