"""Which trainings a study has, where they go, and what makes one anew."""

from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.writers import write_mask
from isnet_cxr.pipeline.config import CONTROL, parse_study
from isnet_cxr.pipeline.study import folds as folding
from isnet_cxr.pipeline.study import jobs as module
from isnet_cxr.pipeline.study import lungs, machine, steps
from isnet_cxr.pipeline.study.folds import plan_folds
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.jobs import plan_jobs, prepare_images
from isnet_cxr.pipeline.study.trainings import Training, plan_trainings

LUNGS = np.zeros((40, 32), np.uint8)
LUNGS[10:30, 6:26] = 1


@pytest.fixture
def development(write_images) -> Path:
    return write_images("here", lungs=LUNGS, count=16)


def study(folder: Path, **changes):
    values = {
        "name": "here",
        "classes": ["normal", "covid"],
        "datasets": {"here": {"manifest": "here/manifest.csv"}},
        "development": ["here"],
        "defaults": {"preprocessing": {"size_px": 16}},
        "classifiers": {
            "baseline": {"method": "baseline"},
            "other": {"method": "baseline", "epochs": 3},
        },
        "seeds": [0, 1],
        "background_control": False,
    }
    return parse_study({**values, **changes}, folder=folder)


def images(development: Path) -> StudyImages:
    rows = read_manifest(development)
    rows["split"] = [("train", "train", "val", "test")[number // 2 % 4] for number in range(16)]
    return StudyImages({"here": rows}, rows, {})


def plan(folder: Path, development: Path, **changes) -> list[Training]:
    return plan_trainings(study(folder, **changes), images(development), folder / "out", lungs="")


def finish(training: Training) -> None:
    for folder, digest in (
        (training.learning, training.learn),
        (training.validating, training.learn),
        (training.testing, training.test),
        (training.checking, training.checks),
    ):
        steps.once(folder, {"digest": digest}, lambda _: None)


def test_a_control_that_never_sees_the_lungs_is_trained_beside_the_classifiers(
    development, tmp_path
):
    changes = {"background_control": True, "defaults": {"epochs": 7}, "seeds": [0, 1]}
    control = [own for own in plan(tmp_path, development, **changes) if own.classifier == CONTROL]
    assert [own.seed for own in control] == [0, 1]
    assert {own.settings.method for own in control} == {"background_only"}
    assert {own.settings.epochs for own in control} == {7}


def test_there_is_no_control_where_lungs_cannot_be_erased(development, tmp_path):
    found = images(development)
    found.development.loc[0, "lung_mask"] = ""
    config = study(tmp_path, background_control=True)
    names = {own.classifier for own in plan_trainings(config, found, tmp_path, lungs="")}
    assert names == {"baseline", "other"}


def test_the_control_may_have_settings_of_its_own_but_no_other_method(development, tmp_path):
    own = {"baseline": {"method": "baseline"}, CONTROL: {"method": "background_only", "epochs": 2}}
    trainings = plan(tmp_path, development, background_control=True, classifiers=own)
    assert {t.settings.epochs for t in trainings if t.classifier == CONTROL} == {2}
    assert sum(t.classifier == CONTROL for t in trainings) == 2
    with pytest.raises(InputError, match="expected background_only"):
        study(tmp_path, classifiers={CONTROL: {"method": "baseline"}})


def test_a_bias_test_has_trainings_of_its_own_in_its_own_folder(development, tmp_path):
    bias_tests = {
        "corners": {"classifiers": ["baseline"], "seeds": [1]},
        "beside_lungs": {"classifiers": ["baseline", "other"], "only": ["other"]},
    }
    trainings = plan(tmp_path, development, bias_tests=bias_tests)
    assert [training.folder.relative_to(tmp_path / "out").as_posix() for training in trainings] == [
        "classifiers/baseline/seed-0",
        "classifiers/baseline/seed-1",
        "bias/corners/baseline/seed-1",
        "bias/beside_lungs/baseline/seed-0",
        "bias/beside_lungs/baseline/seed-1",
        "bias/beside_lungs/other/seed-0",
        "bias/beside_lungs/other/seed-1",
    ]
    assert [training.bias for training in trainings[1:4]] == [None, "corners", "beside_lungs"]
    assert len({training.learn for training in trainings}) == len(trainings)


def test_what_is_finished_stays_so_while_nothing_changes(development, tmp_path):
    for training in plan(tmp_path, development):
        finish(training)
    assert all(training.is_finished for training in plan(tmp_path, development))
    jobs = plan_jobs(
        study(tmp_path),
        images(development),
        plan(tmp_path, development),
        tmp_path / "out",
        lungs=None,
    )
    assert jobs == []


def test_hospitals_held_out_have_trainings_and_tests_of_their_own(
    development, tmp_path, monkeypatch
):
    monkeypatch.setattr(folding, "SHOWN", 2)
    across = {"classifiers": ["other"], "only": ["other"], "seeds": [1]}
    config = study(tmp_path, across_hospitals=across)
    found = images(development)
    found.development["site"] = ["xy"[number // 8] for number in range(16)]
    out = tmp_path / "out"
    folds = plan_folds(found.development, config.classes, config.across_hospitals).folds
    trainings = plan_trainings(config, found, out, lungs="", folds=folds)
    assert [str(training.folder.relative_to(out)) for training in trainings] == [
        "classifiers/baseline/seed-0",
        "classifiers/baseline/seed-1",
        "across/without x/other/seed-1",
        "across/without y/other/seed-1",
    ]
    whole = plan_trainings(study(tmp_path), found, out, lungs="")
    assert {one.learn for one in whole} > {one.learn for one in trainings[:2]}
    assert [one.is_whole for one in trainings] == [True, True, False, False]
    job = plan_jobs(config, found, trainings, out, lungs=None, folds=folds)[2]
    assert set(job.tests) == {"internal", "x"}
    assert set(read_manifest(job.tests["x"])["site"]) == {"x"}
    assert set(read_manifest(job.development)["site"]) == {"y"}
    assert job.samples == {}
    assert job.training.name == "other, without x, seed 1"


def test_a_mask_changed_on_disk_makes_trainings_anew(development, tmp_path):
    for training in plan(tmp_path, development):
        finish(training)
    write_mask(1 - LUNGS, Path(read_manifest(development)["lung_mask"].iloc[0]))
    assert not any(training.is_finished for training in plan(tmp_path, development))


def test_another_version_of_the_code_makes_trainings_anew(development, tmp_path, monkeypatch):
    for training in plan(tmp_path, development):
        finish(training)
    monkeypatch.setattr(steps, "code_version", lambda: "99.0")
    assert not any(training.is_finished for training in plan(tmp_path, development))


def test_a_changed_extension_makes_trainings_anew(development, tmp_path):
    extension = tmp_path / "extension_of_trainings.py"
    extension.write_text("")
    before = plan(tmp_path, development, extensions=[extension.name])
    assert plan(tmp_path, development, extensions=[extension.name]) == before
    extension.write_text("CHANGED = True")
    after = plan(tmp_path, development, extensions=[extension.name])
    assert {one.learn for one in before}.isdisjoint(one.learn for one in after)


def boxed(development: Path) -> StudyImages:
    found = images(development)
    found.development["boxes"] = "[[0.1, 0.2, 0.6, 0.7]]"
    return found


def test_heatmaps_of_classifiers_are_checked_but_not_of_controls_and_bias_tests(
    development, tmp_path
):
    bias_tests = {"corners": {"classifiers": ["baseline"]}}
    trainings = plan(tmp_path, development, background_control=True, bias_tests=bias_tests)
    checked = {(own.classifier, own.bias) for own in trainings if own.checks}
    assert checked == {("baseline", None), ("other", None)}


def test_other_numbers_repeat_the_checks_alone(development, tmp_path):
    for training in plan(tmp_path, development):
        finish(training)
    for change in ({"sanity_per_class": 5}, {"pointing_per_class": 7}):
        again = plan(tmp_path, development, **change)
        assert not any(training.is_finished for training in again)
        assert all(
            steps.is_done(own.testing, {"digest": own.test})
            and steps.is_done(own.learning, {"digest": own.learn})
            for own in again
        )


@pytest.mark.parametrize(("per_class", "asked"), [(1, True), (0, False)])
def test_checks_are_asked_for_once_and_may_be_off(
    development, tmp_path, monkeypatch, per_class, asked
):
    from isnet_cxr.pipeline.study import pointing, sanity

    numbers = {"sanity_per_class": per_class, "pointing_per_class": per_class, "seeds": [0],
               "classifiers": {"baseline": {"method": "baseline"}}}  # fmt: skip
    found, config = boxed(development), study(tmp_path, **numbers)
    trainings = plan_trainings(config, found, tmp_path / "out", lungs="")
    (job,) = plan_jobs(config, found, trainings, tmp_path / "out", lungs=None)
    calls = []

    def record(_package, manifest, to, **_):
        calls.append((to.name, len(read_manifest(manifest))))
        to.parent.mkdir(parents=True, exist_ok=True)
        to.touch()

    monkeypatch.setattr(pointing, "ask_where", record)
    monkeypatch.setattr(sanity, "ask_sanity", record)
    for _ in range(2):  # an interrupted check does not begin anew
        module._check(job, lambda *_: None, tmp_path / "checks")
    assert calls == ([("sanity.csv", 2), ("internal.csv", 2)] if asked else [])


def test_images_are_prepared_by_several_processes_once_for_all_trainings(
    development, tmp_path, monkeypatch
):
    config, used = study(tmp_path), []
    jobs = plan_jobs(
        config, images(development), plan(tmp_path, development), tmp_path / "out", lungs=None
    )
    real = module.load_images

    def load(images, settings, *, workers, **options):
        used.append((len(images), settings, workers))
        return real(images, settings, workers=1, **options)

    monkeypatch.setattr(module, "load_images", load)
    monkeypatch.setattr(module, "number_of_workers", lambda: 3)
    prepare_images(jobs, progress=False)
    settings = Preprocessing(size_px=16)
    counts = (8, 4, 4, 4, 4)  # train, val, test, samples, sanity
    assert used == [(count, settings, 3) for count in counts]
    prepared = {path.name for path in (tmp_path / "out" / "cache").iterdir()}
    rows = read_manifest(jobs[0].development)
    real(rows[rows["split"] == "train"], settings, cache=jobs[0].cache, progress=False)
    assert {path.name for path in (tmp_path / "out" / "cache").iterdir()} == prepared


def test_no_jobs_need_no_images():
    prepare_images([], progress=False)


@pytest.mark.parametrize(("there", "device"), [(True, "cuda"), (False, "cpu")])
def test_networks_run_on_cuda_where_there_is_one(monkeypatch, there, device):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert machine.automatic_device() == device


def test_tests_run_on_the_automatic_device(development, tmp_path, monkeypatch):
    import pandas as pd

    from isnet_cxr.pipeline.prediction import evaluation
    from isnet_cxr.pipeline.study import reliance, samples

    (job,) = plan_jobs(
        study(tmp_path, seeds=[0], classifiers={"baseline": {"method": "baseline"}}),
        images(development),
        plan(tmp_path, development, seeds=[0], classifiers={"baseline": {"method": "baseline"}}),
        tmp_path / "out",
        lungs=None,
    )
    devices = []

    def record(*_, device, **__):
        devices.append(device)
        return pd.DataFrame({"image_id": ["a"]})

    monkeypatch.setattr(module, "automatic_device", lambda: "somewhere")
    monkeypatch.setattr(evaluation, "evaluate_classifier", record)
    monkeypatch.setattr(reliance, "ask_changed", record)
    monkeypatch.setattr(samples, "explain_samples", record)
    module._test(job, lambda *_: None, tmp_path)
    assert devices == ["somewhere"] * 3


def test_masks_are_predicted_on_the_automatic_device_by_several_processes(
    development, tmp_path, monkeypatch
):
    asked = {}

    def predict(manifest, _package, _folder, **options):
        asked.update(options)
        return manifest, []

    monkeypatch.setattr(lungs, "automatic_device", lambda: "somewhere")
    monkeypatch.setattr(lungs, "number_of_workers", lambda: 3)
    monkeypatch.setattr(lungs, "predict_masks", predict)
    given = lungs.LungsPlan(tmp_path / "package", "digest")
    lungs._predict("here", images(development).development, tmp_path, given, progress=False)
    assert (asked["device"], asked["workers"]) == ("somewhere", 3)


def test_a_second_lung_training_learns_from_the_train_split_without_its_masks(
    development, tmp_path
):
    sections = [{"train": ["here"]}, {"train": ["here"], "unlabelled": ["here"]}]
    plain, more = (
        lungs.plan_lungs(study(tmp_path, segmentation=section), images(development), tmp_path)
        for section in sections
    )
    assert plain.unlabelled is None
    assert more.unlabelled is not None
    assert len(more.unlabelled) == 8
    assert (more.unlabelled["lung_mask"] == "").all()
    assert more.digest != plain.digest
    assert more.epochs > plain.epochs
