import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.learning import cache as cache_module
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image
from isnet_cxr.data.manifests.failures import write_failures
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_mask, write_png

SETTINGS = Preprocessing(size_px=16)


@pytest.fixture
def manifest(tmp_path):
    """Four images: one without a mask, one that cannot be read."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(4):
        path, mask = tmp_path / f"{index}.png", tmp_path / f"{index}_mask.png"
        write_png(rng.random((1, 20, 24), dtype=np.float32), path)
        write_mask(rng.random((20, 24)) > 0.5, mask)
        rows.append({"path": str(path), "lung_mask": str(mask) if index else ""})
    (tmp_path / "2.png").write_bytes(b"no image")
    return pd.DataFrame(rows)


@pytest.mark.parametrize("kept", [True, False])
def test_cached_images_are_live_images(tmp_path, manifest, kept):
    images = load_images(manifest, SETTINGS, cache=tmp_path / "cache" if kept else None)
    assert images.images.shape == images.masks.shape == (3, 16, 16)
    for row, path in enumerate(images.manifest["path"]):
        live = prepare_image(read_image(tmp_path / path).pixels, SETTINGS)[0]
        np.testing.assert_array_equal(images.images[row].astype(np.float32) / np.float32(255), live)
    assert not images.masks[0].any()
    assert images.masks[1].any()


def test_an_image_that_cannot_be_read_is_listed_and_left_out(tmp_path, manifest):
    images = load_images(manifest, SETTINGS, cache=tmp_path / "cache")
    assert [failure.path.name for failure in images.failures] == ["2.png"]
    assert [path[-5] for path in images.manifest["path"]] == ["0", "1", "3"]
    write_failures(images.failures, tmp_path / "failures.csv")
    assert pd.read_csv(tmp_path / "failures.csv")["path"].tolist() == [str(tmp_path / "2.png")]


def test_a_mask_of_another_size_is_a_failure(tmp_path, manifest):
    write_mask(np.eye(9), tmp_path / "3_mask.png")
    reasons = {f.path.name: f.reason for f in load_images(manifest, SETTINGS, cache=None).failures}
    assert reasons["3.png"] == "lung mask of 9 x 9 px, image of 20 x 24 px"


def test_the_second_time_nothing_is_read(tmp_path, manifest, monkeypatch):
    first = load_images(manifest, SETTINGS, cache=tmp_path / "cache")
    monkeypatch.setattr(cache_module, "_prepare", None)
    second = load_images(manifest, SETTINGS, cache=tmp_path / "cache")
    np.testing.assert_array_equal(first.images, second.images)
    assert first.failures == second.failures


def test_other_settings_images_or_masks_are_prepared_anew(tmp_path, manifest):
    def load(settings=SETTINGS):
        return load_images(manifest, settings, cache=tmp_path / "cache")

    before = load()
    assert (load(Preprocessing(16, "none")).images != before.images).any()
    write_mask(np.pad(np.ones((18, 22)), 1), tmp_path / "1_mask.png")
    os.utime(tmp_path / "1_mask.png", ns=(1, 1))
    assert load().masks[1].sum() > before.masks[1].sum()


def test_a_killed_process_leaves_nothing_that_counts(tmp_path, manifest, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "_prepare", lambda task: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            load_images(manifest, SETTINGS, cache=tmp_path / "cache")
    half = tmp_path / "cache" / ".filling-killed"  # as if the process had not even cleaned up
    half.mkdir(parents=True)
    (half / "failures.json").write_text(json.dumps({}))
    live = load_images(manifest, SETTINGS, cache=None)
    kept = load_images(manifest, SETTINGS, cache=tmp_path / "cache")
    np.testing.assert_array_equal(live.images, kept.images)


def fill(folder: Path, *, killed: bool = False, seconds_per_image: float = 0.0) -> subprocess.Popen:
    """Start a process that fills the cache, slowly, or that is killed at its second image."""
    script = f"""
import os, signal, sys, time
from pathlib import Path
import pandas as pd
from isnet_cxr.data.learning import cache
from isnet_cxr.data.learning.preprocess import Preprocessing

prepare, seen = cache._prepare, []

def slowly(task):
    seen.append(task)
    if {killed} and len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep({seconds_per_image})
    return prepare(task)

cache._prepare = slowly
folder = Path(sys.argv[1])
manifest = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
images = cache.load_images(
    manifest, Preprocessing(size_px=16), cache=folder / "cache", progress=False
)
print(len(seen), int(images.images.sum()), int(images.masks.sum()))
"""
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_of_several_processes_one_reads_and_all_get_the_same(tmp_path, manifest):
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    processes = [fill(tmp_path, seconds_per_image=0.5) for _ in range(3)]
    said = [process.communicate(timeout=300)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(int(read) for read, *_ in said) == [0, 0, len(manifest)]
    assert len({tuple(sums) for _, *sums in said}) == 1


@pytest.mark.slow
def test_after_a_kill_while_filling_another_process_fills(tmp_path, manifest):
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    dying = fill(tmp_path, killed=True)
    dying.communicate(timeout=300)
    assert dying.returncode == -signal.SIGKILL
    assert list((tmp_path / "cache").glob(".filling-*"))  # it could not even clean up
    live = load_images(manifest, SETTINGS, cache=None)
    kept = load_images(manifest, SETTINGS, cache=tmp_path / "cache")  # the lock is free again
    np.testing.assert_array_equal(live.images, kept.images)
    np.testing.assert_array_equal(live.masks, kept.masks)


def test_masks_that_are_not_there_take_no_room(tmp_path, manifest):
    images = load_images(
        manifest.assign(lung_mask=""), Preprocessing(size_px=256), cache=tmp_path / "cache"
    )
    (stored,) = (tmp_path / "cache").glob("*/masks.npy")
    assert not images.masks.any()
    assert stored.stat().st_blocks * 512 < images.images.nbytes / 4


def test_writing_to_images_does_not_change_the_cache(tmp_path, manifest):
    images = load_images(manifest.iloc[:2], SETTINGS, cache=tmp_path / "cache")
    images.images[:] = 0
    assert load_images(manifest.iloc[:2], SETTINGS, cache=tmp_path / "cache").images.any()


def test_no_row_gives_no_image(tmp_path, manifest):
    images = load_images(manifest.iloc[:0], SETTINGS, cache=tmp_path / "cache")
    assert images.images.shape == (0, 16, 16)
