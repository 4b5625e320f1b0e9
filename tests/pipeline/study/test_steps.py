"""Work is done once, goes on when interrupted, and starts over when its inputs change."""

import os
from pathlib import Path

import pandas as pd
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.study import steps
from isnet_cxr.pipeline.study.steps import digest_manifest, digest_values, is_done, once

INPUTS = {"epochs": 3}


class Work:
    """Counts how often it is done, and leaves a file for each time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        (folder / f"result-{self.times}").touch()
        self.times += 1


class InterruptionError(Exception):
    pass


def interrupt(folder: Path) -> None:
    (folder / "checkpoint").touch()
    raise InterruptionError


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def upgrade(monkeypatch):
    return lambda: monkeypatch.setattr(steps, "code_version", lambda: "99.0")


def test_finished_work_of_the_same_inputs_is_not_repeated(tmp_path, work):
    folder = tmp_path / "step"
    assert once(folder, INPUTS, work) == folder
    assert once(folder, dict(INPUTS), work) == folder
    assert work.times == 1
    assert is_done(folder, INPUTS)
    assert not is_done(folder, {"epochs": 4})


def test_interrupted_work_goes_on_with_what_it_has(tmp_path, work):
    with pytest.raises(InterruptionError):
        once(tmp_path / "step", INPUTS, interrupt)
    assert not is_done(tmp_path / "step", INPUTS)
    once(tmp_path / "step", INPUTS, work)
    assert (tmp_path / "step" / "checkpoint").exists()
    assert is_done(tmp_path / "step", INPUTS)


def test_other_inputs_start_over_in_an_empty_folder(tmp_path, work):
    for inputs in (INPUTS, {"epochs": 4}):
        once(tmp_path / "step", inputs, work)
    assert not (tmp_path / "step" / "result-0").exists()
    assert (tmp_path / "step" / "result-1").exists()


def test_interrupted_work_of_other_inputs_is_dropped(tmp_path, work):
    with pytest.raises(InterruptionError):
        once(tmp_path / "step", INPUTS, interrupt)
    once(tmp_path / "step", {"epochs": 4}, work)
    assert not (tmp_path / "step" / "checkpoint").exists()


def test_what_was_killed_as_it_began_or_was_dropped_begins_anew(tmp_path, work, monkeypatch):
    (tmp_path / "step" / ".writing-abc").mkdir(parents=True)  # before its first file was there
    once(tmp_path / "step", INPUTS, work)
    with monkeypatch.context() as patch:
        patch.setattr(steps.shutil, "rmtree", interrupt_after_ignoring)
        with pytest.raises(InterruptionError):
            once(tmp_path / "step", {"epochs": 4}, work)
    once(tmp_path / "step", {"epochs": 4}, work)
    assert work.times == 2
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def interrupt_after_ignoring(_folder, *, ignore_errors=False):
    if not ignore_errors:
        raise InterruptionError


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, work):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="not written by a study"):
        once(tmp_path, INPUTS, work)
    assert (tmp_path / "thesis.tex").exists()
    assert work.times == 0


def test_another_version_of_the_code_starts_over(tmp_path, work, upgrade):
    once(tmp_path / "step", INPUTS, work)
    upgrade()
    once(tmp_path / "step", INPUTS, work)
    assert work.times == 2
    assert not (tmp_path / "step" / "result-0").exists()


def test_the_order_of_keys_does_not_change_a_digest():
    assert digest_values({"a": 1, "b": 2}) == digest_values({"b": 2, "a": 1})


def images(mask: Path | str = "") -> pd.DataFrame:
    row = {
        "image_id": "a",
        "label": "x",
        "path": "/here",
        "lung_mask": str(mask),
        "review_flag": "",
    }
    return pd.DataFrame([row])


def test_a_manifests_digest_ignores_where_images_and_masks_lie(tmp_path):
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(b"a mask")
    one, two = (images(tmp_path / name) for name in ("one.png", "two.png"))
    assert digest_manifest(one) == digest_manifest(two.assign(path="/there"))
    assert digest_manifest(one) != digest_manifest(one.assign(label="y"))
    assert digest_manifest(one) != digest_manifest(images())


def test_a_manifests_digest_changes_with_a_masks_bytes(tmp_path):
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"a mask")
    before = digest_manifest(images(mask))
    mask.write_bytes(b"a musk")  # as long as before
    os.utime(mask, ns=(1, 1))
    changed = digest_manifest(images(mask))
    assert changed != before
    mask.unlink()
    assert digest_manifest(images(mask)) not in (before, changed)


def test_a_manifests_digest_changes_with_the_codes_version(upgrade):
    before = digest_manifest(images())
    upgrade()
    assert digest_manifest(images()) != before
