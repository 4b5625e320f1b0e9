"""The pool's shortcuts are measured once for the same films, and say nothing of unreadable ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.audit import Leak
from data.manifest import read_manifest
from data.readers import write_png
from pipeline.study import audit as module
from pipeline.study.audit import audit_study
from pipeline.study.films import StudyFilms


@pytest.fixture
def films(write_films) -> StudyFilms:
    """Forty films whose class is told by a bright border, and a test elsewhere."""
    pool = read_manifest(write_films("here", count=40))
    for path, label in zip(pool["path"], pool["label"], strict=True):
        film = np.random.default_rng(len(path)).integers(60, 120, (40, 32), dtype=np.uint8)
        film[:3] = film[-3:] = film[:, :3] = film[:, -3:] = 250 if label == "covid" else 5
        write_png(film, Path(path))
    return StudyFilms({"here": pool}, pool, {"away": read_manifest(write_films("there"))})


def by_evidence(found: dict) -> dict[str, float]:
    return {own["evidence"]: own["macro_auc"] for own in found["shortcuts"]}


def test_a_class_that_the_border_tells_is_guessed_from_it(films, tmp_path):
    found = audit_study(films, tmp_path, progress=False)
    assert by_evidence(found)["border"] > 0.95
    assert by_evidence(found)["metadata"] < 0.8
    assert found["roles"]["away"] == {"films": 8, "patients": 8}
    assert sum(found["roles"][split]["films"] for split in ("train", "val")) == 40


def test_the_same_films_are_looked_at_once(films, tmp_path, monkeypatch):
    first = audit_study(films, tmp_path, progress=False)
    monkeypatch.setattr(module, "_shortcuts", None)  # calling it would be an error
    assert audit_study(films, tmp_path, progress=False) == first
    moved = replace(films, pool=films.pool.assign(path="/moved/away.png"))
    assert audit_study(moved, tmp_path, progress=False) == first


def test_other_films_or_leaks_are_audited_anew(films, tmp_path):
    first = audit_study(films, tmp_path, progress=False)
    fewer = replace(films, pool=films.pool.iloc[:20].reset_index(drop=True))
    again = audit_study(fewer, tmp_path, progress=False)
    assert again["roles"] != first["roles"]
    leak = Leak("films", "train", "away", 3, ())
    leaking = replace(fewer, leaks=(leak,))
    assert audit_study(leaking, tmp_path, progress=False)["leaks"][0]["count"] == 3


def test_unreadable_films_are_left_out(films, tmp_path):
    for path in films.pool["path"]:
        Path(path).write_bytes(b"no image")
    assert audit_study(films, tmp_path, progress=False)["shortcuts"] == []
    write_png(np.zeros((40, 32), np.uint8), Path(films.pool["path"][0]))
    audit_study(films, tmp_path / "other", progress=False)  # one film is no error either
