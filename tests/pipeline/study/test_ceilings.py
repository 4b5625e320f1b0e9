"""Ceilings: their folds are trainings apart, of the external test's images alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study import steps
from isnet_cxr.pipeline.study.ceilings import (
    Ceiling,
    divide_tests,
    plan_ceilings,
    plan_fold_jobs,
)
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.jobs import plan_jobs
from isnet_cxr.pipeline.study.tables import check_tables
from isnet_cxr.pipeline.study.trainings import plan_trainings

CLASSES = ["normal", "pneumonia", "covid"]
THERE = 24


@pytest.fixture
def folder(write_images, tmp_path: Path) -> Path:
    lungs = np.ones((40, 32), dtype=bool)
    write_images("here", label=lambda number: CLASSES[number % 3], count=24, lungs=lungs)
    write_images("there", label=lambda number: ("normal", "covid")[number % 2], count=THERE)
    return tmp_path


def study(folder: Path, **changes):
    values = {
        "name": "here",
        "classes": CLASSES,
        "datasets": {
            "here": {"manifest": "here/manifest.csv"},
            "there": {"manifest": "there/manifest.csv"},
        },
        "development": ["here"],
        "external": {"away": ["there"]},
        "ceilings": {"away": {"folds": 2}},
        "exclude_duplicates": False,
        "defaults": {"preprocessing": {"size_px": 16}, "epochs": 3},
        "classifiers": {"baseline": {"method": "baseline"}, "isnet": {"method": "isnet"}},
        "seeds": [0, 1],
        "background_control": False,
    }
    return parse_study({**values, **changes}, folder=folder)


def images(folder: Path) -> StudyImages:
    here, there = (read_manifest(folder / name / "manifest.csv") for name in ("here", "there"))
    here["split"] = [("train", "train", "val", "test")[number // 3 % 4] for number in range(24)]
    there["split"] = ""
    return StudyImages({"here": here, "there": there}, here, {"away": there})


def plan(folder: Path, **changes) -> Ceiling:
    config, out = study(folder, **changes), folder / "out"
    splits = divide_tests(config, images(folder), out, progress=False)
    (ceiling,) = plan_ceilings(config, images(folder), splits, out)
    return ceiling


def finish(ceiling: Ceiling) -> None:
    for fold in ceiling.folds:
        for place, digest in ((fold.learning, fold.learn), (fold.testing, fold.test)):
            steps.once(place, {"digest": digest}, lambda _: None)


def test_every_fold_is_trained_with_every_seed_in_a_folder_of_its_own(folder):
    ceiling = plan(folder)
    places = [fold.folder.relative_to(folder / "out").as_posix() for fold in ceiling.folds]
    assert places == [
        "ceilings/away/fold-1/seed-0",
        "ceilings/away/fold-1/seed-1",
        "ceilings/away/fold-2/seed-0",
        "ceilings/away/fold-2/seed-1",
    ]
    assert len({fold.learn for fold in ceiling.folds}) == len({f.name for f in ceiling.folds}) == 4
    assert {fold.settings for fold in ceiling.folds} == {study(folder).settings["baseline"]}
    assert ceiling.classes == ("normal", "covid")


def test_a_fold_predicts_what_it_never_saw_and_nothing_else(folder):
    config, ceiling = study(folder), plan(folder)
    there = images(folder).external["away"]
    jobs = plan_fold_jobs(config, [ceiling], folder / "out")
    assert len(jobs) == 4
    for seed in (0, 1):
        tested = []
        for job in (job for job in jobs if job.training.seed == seed):
            learned, predicted = read_manifest(job.development), read_manifest(job.tests["away"])
            assert list(job.tests) == ["away"]
            assert set(learned["split"]) == {"train", "val"}
            assert set(learned["patient_id"]).isdisjoint(predicted["patient_id"])
            assert sorted([*learned["image_id"], *predicted["image_id"]]) == sorted(
                there["image_id"]
            )
            tested.extend(predicted["image_id"])
        assert sorted(tested) == sorted(there["image_id"])


def test_no_other_training_sees_a_ceiling(folder):
    """Nor its images: with a ceiling and without, the same trainings of the same images."""
    found, out = images(folder), folder / "out"
    with_one, without = (
        plan_trainings(study(folder, **changes), found, out, lungs="")
        for changes in ({}, {"ceilings": {}})
    )
    assert with_one == without
    jobs = plan_jobs(study(folder), found, with_one, out, lungs=None)
    external = set(found.external["away"]["image_id"])
    for job in jobs:
        assert external.isdisjoint(read_manifest(job.development)["image_id"])
    assert {job.training.folder.relative_to(out).parts[0] for job in jobs} == {"classifiers"}


def test_finished_folds_stay_so_until_something_changes(folder):
    config, out = study(folder), folder / "out"
    finish(plan(folder))
    assert plan_fold_jobs(config, [plan(folder)], out) == []
    for changes in (
        {"ceilings": {"away": {"folds": 2, "baseline": "longer"}},
         "classifiers": {"longer": {"method": "baseline", "epochs": 4}}},
        {"split_seed": 1},
        {"fractions": (0.5, 0.3, 0.2)},
    ):  # fmt: skip
        assert len(plan_fold_jobs(config, [plan(folder, **changes)], out)) == 4
    one_more = plan_fold_jobs(config, [plan(folder, seeds=[0, 1, 2])], out)
    assert [job.training.seed for job in one_more] == [2, 2]


def test_copies_are_looked_for_and_kept_in_one_fold(folder, monkeypatch):
    from isnet_cxr.pipeline.study import ceilings as module

    ids = images(folder).external["away"]["image_id"]
    pairs = pd.DataFrame({"image_id_a": ids[:4], "image_id_b": ids[4:8].to_numpy()})
    monkeypatch.setattr(module, "search_copies", lambda *_, **__: pairs)
    ceiling = plan(folder, exclude_duplicates=True, ceilings={"away": {"folds": 2}})
    for part in ceiling.parts:
        split = part.set_index("image_id")["split"]
        together = zip(pairs["image_id_a"], pairs["image_id_b"], strict=True)
        assert all(split[one] == split[other] for one, other in together)


def test_too_few_patients_are_seen_in_the_tables(folder):
    table = folder / "here" / "manifest.csv"
    table.write_text(table.read_text().replace(",train,", ",,").replace(",val,", ",,"))
    check_tables(study(folder))
    with pytest.raises(InputError) as caught:
        check_tables(study(folder, ceilings={"away": {}}))
    assert str(caught.value) == (
        "ceilings.away: 5 folds need 25 patients of each class, 5 in each fold; class 'covid' has "
        "12: at most 2 folds"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ceilings": {"internal": {}}}, "ceilings: unknown external test 'internal'"),
        ({"ceilings": {"away": {"folds": 1}}}, "ceilings.away.folds"),
        ({"ceilings": {"away": {"fold": 3}}}, "ceilings.away: unknown key 'fold'"),
        (
            {"ceilings": {"away": {"baseline": "bsaeline"}}},
            "ceilings.away.baseline: unknown classifier 'bsaeline'",
        ),
        (
            {"ceilings": {"away": {"baseline": "isnet"}}},
            "ceilings.away.baseline: expected a classifier of method 'baseline', 'isnet' is of",
        ),
    ],
)
def test_a_wrong_key_is_named(folder, changes, said):
    with pytest.raises(InputError) as caught:
        study(folder, **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
