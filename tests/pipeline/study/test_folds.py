"""Hospitals held out: nobody on both sides, and always two classes to tell apart."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.classification.evidence.sizes import SHOWN
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.splits import assign_splits
from isnet_cxr.pipeline.config import AcrossConfig
from isnet_cxr.pipeline.study.folds import Folds, describe_folds, hospital_of, plan_folds

CLASSES = ["normal", "pneumonia", "covid"]
BOTH = AcrossConfig(designs=["leave_one_out", "pairs"], classifiers=["baseline"])


def development(patients: dict[str, dict[str, int]], *, split: bool = True) -> pd.DataFrame:
    """Two images of each patient, so many patients by hospital and class."""
    rows = [
        {"dataset": site, "site": site, "label": label, "patient_id": f"{site}/{label}{number}",
         "image_id": f"{site}{label}{number}{image}", "split": ""}
        for site, counts in patients.items()
        for label, count in counts.items()
        for number, image in product(range(count), range(2))
    ]  # fmt: skip
    columns = ["dataset", "site", "label", "patient_id", "image_id", "split"]
    images = pd.DataFrame(rows, columns=columns)
    return assign_splits(images, seed=0) if split else images


counts = st.integers(0, 3 * SHOWN)
hospitals = st.dictionaries(
    st.sampled_from("abcd"),
    st.fixed_dictionaries(dict.fromkeys(CLASSES, counts)),
    min_size=1,
)


def plan(patients, across=BOTH, **more) -> Folds:
    try:
        return plan_folds(development(patients, **more), CLASSES, across)
    except InputError:
        return Folds()


@settings(max_examples=40)
@given(hospitals)
def test_a_held_out_hospital_is_in_no_training_and_has_classes_to_tell_apart(patients):
    folds = plan(patients)
    assert len({fold.name for fold in folds.folds}) == len(folds.folds)
    for fold in folds.folds:
        assert not set(fold.trained_on) & set(fold.held_out)
        assert set(fold.development["site"]) == set(fold.trained_on)
        for split in ("train", "val", "test"):
            own = fold.development[fold.development["split"] == split]
            assert set(own["label"]) == set(fold.classes)
        for hospital, rows in fold.held_out.items():
            assert set(rows["site"]) == {hospital}
            by_class = rows.groupby("label")["patient_id"].nunique()
            assert set(by_class.index) <= set(fold.classes)
            assert len(by_class) >= 2
            assert by_class.min() >= SHOWN


@settings(max_examples=40)
@given(hospitals)
def test_what_is_not_tested_is_said(patients):
    folds = plan(patients, split=False)
    said = " ".join(folds.remarks)
    enough = {h: sum(n >= SHOWN for n in own.values()) for h, own in patients.items()}
    for hospital, classes in enough.items():
        assert (hospital in folds.hospitals) == (classes >= 2) or not folds.folds
        if folds.folds and classes < 2 and sum(patients[hospital].values()):
            assert f" {hospital}" in said


@given(st.permutations(["a", "b", "c"]))
@settings(max_examples=6)
def test_the_order_of_the_images_changes_nothing(order):
    full = dict.fromkeys(CLASSES, 2 * SHOWN)
    folds = plan({name: full for name in order}, split=False)
    assert [fold.name for fold in folds.folds] == [
        "without a", "without b", "without c", "a alone", "b alone", "c alone",
    ]  # fmt: skip


def test_two_hospitals_left_out_are_the_pairs():
    full = dict.fromkeys(CLASSES, 2 * SHOWN)
    names = [fold.name for fold in plan({"a": full, "b": full}).folds]
    assert names == ["without a", "without b"]


def test_a_class_of_one_source_cannot_be_held_out():
    confounded = {"a": {"normal": 50}, "b": {"pneumonia": 50}, "c": {"covid": 50}}
    with pytest.raises(InputError, match=r"no hospital can be held out: .*: a, b, c"):
        plan_folds(development(confounded), CLASSES, BOTH)


def test_a_class_that_training_lacks_is_not_tested_and_named():
    patients = {
        "a": {"normal": 40, "pneumonia": 40},
        "b": {"normal": 40, "pneumonia": 40, "covid": 40},
    }
    folds = plan(patients)
    fold = next(one for one in folds.folds if one.name == "without b")
    assert set(fold.held_out["b"]["label"]) == {"normal", "pneumonia"}
    assert "without b: too few images of covid to train on, not tested with it" in folds.remarks


def test_patients_and_copies_of_a_held_out_hospital_are_not_trained_on():
    images = development(dict.fromkeys("abc", dict.fromkeys(CLASSES, 3 * SHOWN)))
    shared, copied = images.index[images["site"] == "a"][[0, 2]]
    there = images.index[images["site"] == "b"]
    images.loc[there[:2], "patient_id"] = images["patient_id"][shared]
    pair = {
        "image_id_a": [images["image_id"][copied]],
        "image_id_b": [images["image_id"][there[5]]],
    }
    across = AcrossConfig(classifiers=["baseline"])
    folds = plan_folds(images, CLASSES, across, copies=pd.DataFrame(pair)).folds
    without = {fold.name: set(fold.development["image_id"]) for fold in folds}
    gone = set(
        images["image_id"][images["patient_id"].isin(images["patient_id"][[shared, copied]])]
    )
    assert not gone & without["without b"]
    assert gone & without["without c"] == gone
    b = next(fold for fold in folds if fold.name == "without b").held_out["b"]
    assert len(b) == (images["site"] == "b").sum()


def test_hospitals_are_sites_or_datasets_in_names_that_files_can_have():
    images = pd.DataFrame(
        {"dataset": ["x", "x", "y", "z"], "site": ["St. A/B", "St. A_B", "", "internal"]}
    )
    by_site = list(hospital_of(images, "site"))
    assert by_site == ["St. A_B", "St. A_B 2", "y", "internal 2"]
    assert list(hospital_of(images, "dataset")) == ["x", "x", "y", "z"]


def test_lines_say_who_is_trained_on_whom_and_tested_where():
    full = dict.fromkeys(CLASSES[:2], 2 * SHOWN)
    (first, *_) = describe_folds(plan({"a": full, "b": full, "c": full}, split=False))
    assert first == (
        "without a: trained on b + c (normal, pneumonia), "
        "tested at a (normal, pneumonia; 80 images)"
    )
    assert describe_folds(plan_folds(development({}), CLASSES, None)) == []
    assert np.shape(plan_folds(development({}), CLASSES, None).folds) == (0,)
