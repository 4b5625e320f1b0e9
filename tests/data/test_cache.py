import json
import os

import numpy as np
import pandas as pd
import pytest

from data import cache as cache_module
from data.cache import load_films
from data.failures import write_failures
from data.preprocess import Preprocessing, prepare_film
from data.readers import read_image, write_mask, write_png

SETTINGS = Preprocessing(size_px=16)


@pytest.fixture
def manifest(tmp_path):
    """Four films: one without a mask, one that cannot be read."""
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
def test_cached_films_are_live_films(tmp_path, manifest, kept):
    films = load_films(manifest, SETTINGS, cache=tmp_path / "cache" if kept else None)
    assert films.images.shape == films.masks.shape == (3, 16, 16)
    for row, path in enumerate(films.manifest["path"]):
        live = prepare_film(read_image(tmp_path / path).pixels, SETTINGS)[0]
        np.testing.assert_array_equal(films.images[row].astype(np.float32) / np.float32(255), live)
    assert not films.masks[0].any()
    assert films.masks[1].any()


def test_a_film_that_cannot_be_read_is_listed_and_left_out(tmp_path, manifest):
    films = load_films(manifest, SETTINGS, cache=tmp_path / "cache")
    assert [failure.path.name for failure in films.failures] == ["2.png"]
    assert [path[-5] for path in films.manifest["path"]] == ["0", "1", "3"]
    write_failures(films.failures, tmp_path / "failures.csv")
    assert pd.read_csv(tmp_path / "failures.csv")["path"].tolist() == [str(tmp_path / "2.png")]


def test_a_mask_of_another_size_is_a_failure(tmp_path, manifest):
    write_mask(np.ones((9, 9)), tmp_path / "3_mask.png")
    reasons = {f.path.name: f.reason for f in load_films(manifest, SETTINGS, cache=None).failures}
    assert reasons["3.png"] == "lung mask of 9 x 9 px, image of 20 x 24 px"


def test_the_second_time_nothing_is_read(tmp_path, manifest, monkeypatch):
    first = load_films(manifest, SETTINGS, cache=tmp_path / "cache")
    monkeypatch.setattr(cache_module, "_prepare", None)
    second = load_films(manifest, SETTINGS, cache=tmp_path / "cache")
    np.testing.assert_array_equal(first.images, second.images)
    assert first.failures == second.failures


def test_other_settings_films_or_masks_are_prepared_anew(tmp_path, manifest):
    def load(settings=SETTINGS):
        return load_films(manifest, settings, cache=tmp_path / "cache")

    before = load()
    assert (load(Preprocessing(16, "none")).images != before.images).any()
    write_mask(np.ones((20, 24)), tmp_path / "1_mask.png")
    os.utime(tmp_path / "1_mask.png", ns=(1, 1))
    assert load().masks[1].sum() > before.masks[1].sum()


def test_a_killed_process_leaves_nothing_that_counts(tmp_path, manifest, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "_prepare", lambda task: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            load_films(manifest, SETTINGS, cache=tmp_path / "cache")
    half = tmp_path / "cache" / ".filling-killed"  # as if the process had not even cleaned up
    half.mkdir(parents=True)
    (half / "failures.json").write_text(json.dumps({}))
    live = load_films(manifest, SETTINGS, cache=None)
    kept = load_films(manifest, SETTINGS, cache=tmp_path / "cache")
    np.testing.assert_array_equal(live.images, kept.images)


def test_writing_to_films_does_not_change_the_cache(tmp_path, manifest):
    films = load_films(manifest.iloc[:2], SETTINGS, cache=tmp_path / "cache")
    films.images[:] = 0
    assert load_films(manifest.iloc[:2], SETTINGS, cache=tmp_path / "cache").images.any()


def test_no_row_gives_no_film(tmp_path, manifest):
    films = load_films(manifest.iloc[:0], SETTINGS, cache=tmp_path / "cache")
    assert films.images.shape == (0, 16, 16)
