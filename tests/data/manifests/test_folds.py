"""Folds: by patient, each image tested once, every class in every part, the same for ever."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.folds import FEWEST, check_folds, deal_folds, rarest_labels

CLASSES = ("normal", "pneumonia", "covid")


def manifest(patients: dict[str, int], *, images: int = 2, seed: int = 0) -> pd.DataFrame:
    """Patients of each class, with one to ``images`` images, in no order."""
    generator = np.random.default_rng(seed)
    rows = [
        {"image_id": f"{label}{patient}-{image}", "patient_id": f"{label}{patient}", "label": label}
        for label, count in patients.items()
        for patient in range(count)
        for image in range(generator.integers(1, images + 1))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)


def dealt(table: pd.DataFrame, **options) -> list[pd.DataFrame]:
    return list(deal_folds(table, **{"folds": 3, "seed": 0, **options}))


@settings(max_examples=25)
@given(
    folds=st.integers(2, 4),
    extra=st.lists(st.integers(0, 25), min_size=2, max_size=3),
    images=st.integers(1, 4),
    seed=st.integers(0, 5),
)
def test_every_image_is_tested_once_and_no_patient_is_on_two_sides(folds, extra, images, seed):
    counts = {name: FEWEST * folds + more for name, more in zip(CLASSES, extra, strict=False)}
    table = manifest(counts, images=images, seed=seed)
    parts = dealt(table, folds=folds, seed=seed)
    assert len(parts) == folds
    tested = pd.concat([part[part["split"] == "test"] for part in parts])
    assert sorted(tested["image_id"]) == sorted(table["image_id"])
    for part in parts:
        assert set(part["split"]) == {"train", "val", "test"}
        assert part.groupby("patient_id")["split"].nunique().max() == 1
        by_class = part.groupby(["split", "label"])["patient_id"].nunique()
        assert len(by_class) == 3 * len(counts)
        assert by_class["test"].min() >= FEWEST


def test_folds_and_classes_are_even():
    parts = dealt(manifest({"normal": 53, "covid": 31}, images=1), folds=5, validation=0.1)
    tested = [part[part["split"] == "test"]["label"].value_counts() for part in parts]
    for label, count in (("normal", 53), ("covid", 31)):
        assert {own[label] for own in tested} <= {count // 5, count // 5 + 1}
    assert max(map(sum, tested)) - min(map(sum, tested)) <= 1
    assert {int((part["split"] == "val").sum()) for part in parts} == {6}


def test_copies_and_shared_images_are_in_one_fold():
    table = manifest({"normal": 40, "covid": 40})
    ids = table["image_id"]
    copies = pd.DataFrame({"image_id_a": ids[:20], "image_id_b": ids[40:60].to_numpy()})
    for part in dealt(table, copies=copies):
        split = part.set_index("image_id")["split"]
        pairs = zip(copies["image_id_a"], copies["image_id_b"], strict=True)
        assert all(split[one] == split[other] for one, other in pairs)
        assert part.groupby("patient_id")["split"].nunique().max() == 1


def test_order_of_rows_changes_nothing_and_the_seed_does():
    table = manifest({"normal": 30, "covid": 30})
    first, again, other = (
        [part.set_index("image_id")["split"].sort_index() for part in dealt(rows, seed=seed)]
        for rows, seed in ((table, 0), (table.sample(frac=1, random_state=1), 0), (table, 1))
    )
    for one, same, different in zip(first, again, other, strict=True):
        pd.testing.assert_series_equal(one, same)
        assert (one != different).any()


def test_a_patient_of_two_classes_counts_for_the_rarer():
    labels = pd.Series(["normal", "covid", "normal", "normal"])
    found = rarest_labels(labels, pd.Series(["a", "a", "b", "c"]))
    assert found.to_dict() == {"a": "covid", "b": "normal", "c": "normal"}


def test_a_class_that_no_patient_has_by_itself_cannot_be_dealt():
    labels = pd.Series(["normal"] * 40 + ["covid", "pneumonia"] * 15)
    patients = pd.Series([f"n{row}" for row in range(40)] + [f"p{row // 2}" for row in range(30)])
    with pytest.raises(InputError, match="class 'pneumonia' has 0: too few for any folds"):
        check_folds(labels, patients, 2)


@pytest.mark.parametrize(
    ("counts", "folds", "said"),
    [
        (
            {"normal": 40, "covid": 14},
            3,
            "3 folds need 15 patients of each class, 5 in each fold; class 'covid' has 14: at most "
            "2 folds",
        ),
        ({"normal": 40, "covid": 9}, 2, "class 'covid' has 9: too few for any folds"),
        ({"normal": 40}, 2, "images of two classes expected, all are of normal"),
    ],
)
def test_too_few_patients_are_refused_in_a_line(counts, folds, said):
    table = manifest(counts)
    with pytest.raises(InputError) as caught:
        check_folds(table["label"], table["patient_id"], folds)
    assert str(caught.value).endswith(said)
    with pytest.raises(InputError):
        dealt(table, folds=folds)
