from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.records import patient_key
from isnet_cxr.data.manifests.splits import assign_splits, leave_one_site_out


def manifest(patients, *, images=2, dataset="here"):
    """Some images of some patients, with labels in turn."""
    return pd.DataFrame(
        [
            {
                "image_id": f"{dataset}{patient}-{image}",
                "patient_id": patient_key(dataset, str(patient)),
                "dataset": dataset,
                "label": ("normal", "pneumonia", "covid")[patient % 3],
                "split": "",
            }
            for patient in range(patients)
            for image in range(images)
        ]
    )


def test_no_patient_is_on_two_sides():
    assigned = assign_splits(manifest(300), seed=0)
    assert assigned.groupby("patient_id")["split"].nunique().max() == 1


def test_no_image_is_on_two_sides_even_through_a_chain_of_patients():
    table = manifest(200)
    for patient in range(0, 198, 3):  # each shares an image with the next, and that with the next
        table.loc[2 * patient + 2, "image_id"] = table.loc[2 * patient, "image_id"]
        table.loc[2 * patient + 4, "image_id"] = table.loc[2 * patient + 3, "image_id"]
    assigned = assign_splits(table, seed=0)
    assert assigned.groupby("image_id")["split"].nunique().max() == 1
    assert assigned.groupby("patient_id")["split"].nunique().max() == 1


def test_copies_are_never_on_two_sides_even_of_two_datasets():
    table = pd.concat([manifest(200), manifest(200, dataset="there")], ignore_index=True)
    ids = table["image_id"]
    copies = pd.DataFrame({"image_id_a": ids[:300:3], "image_id_b": ids[400:700:3].to_numpy()})
    strangers = pd.DataFrame({"image_id_a": ["elsewhere"], "image_id_b": [ids[0]]})
    assigned = assign_splits(table, seed=0, copies=pd.concat([copies, strangers]))
    split = assigned.set_index("image_id")["split"]
    assert (split[copies["image_id_a"]].to_numpy() == split[copies["image_id_b"]].to_numpy()).all()
    assert assigned.groupby("patient_id")["split"].nunique().max() == 1
    assert (assigned["split"] != assign_splits(table, seed=0)["split"]).any()


def test_copies_tie_nobody_else():
    table = manifest(300)
    copies = pd.DataFrame({"image_id_a": ["here0-0"], "image_id_b": ["here1-0"]})
    moved = (
        assign_splits(table, seed=0)["split"]
        != assign_splits(table, seed=0, copies=copies)["split"]
    )
    assert set(table.loc[moved, "image_id"]) <= {"here0-0", "here0-1", "here1-0", "here1-1"}


def test_added_rows_move_nobody():
    few = manifest(100)
    many = pd.concat([manifest(150, dataset="there"), manifest(400)], ignore_index=True)
    before = assign_splits(few, seed=3).set_index("image_id")["split"]
    after = assign_splits(many.sample(frac=1, random_state=0), seed=3).set_index("image_id")
    pd.testing.assert_series_equal(after.loc[before.index, "split"], before)


def test_every_label_of_every_site_gets_its_shares():
    tables = [manifest(3000, images=1, dataset=name) for name in ("here", "there")]
    assigned = assign_splits(pd.concat(tables, ignore_index=True), seed=1)
    shares = assigned.groupby(["dataset", "label"])["split"].value_counts(normalize=True).unstack()
    np.testing.assert_allclose(shares[["train", "val", "test"]], [[0.7, 0.1, 0.2]] * 6, atol=0.05)


def test_seeds_divide_independently():
    first, second = (assign_splits(manifest(2000), seed=seed)["split"] for seed in (0, 1))
    both = (first == "test") & (second == "test")
    assert both.mean() == pytest.approx(0.04, abs=0.02)


def test_kept_splits_stay_and_the_patient_follows():
    table = manifest(50)
    table.loc[::2, "split"] = "test"
    assert (assign_splits(table, seed=0, keep=True)["split"] == "test").all()
    assert (assign_splits(table, seed=0)["split"] != "test").any()


def test_a_torn_patient_is_named_by_rows():
    table = manifest(3)
    table.loc[[2, 3], "split"] = ["train", "test"]
    with pytest.raises(ValueError, match=r"rows \[2, 3\] .* test and train"):
        assign_splits(table, seed=0, keep=True)


@pytest.mark.parametrize("fractions", [(0.5, 0.1, 0.1), (1.2, -0.1, -0.1)])
def test_fractions_must_be_shares(fractions):
    with pytest.raises(ValueError, match="fractions must be shares"):
        assign_splits(manifest(3), fractions=fractions, seed=0)


@pytest.fixture
def three_sites():
    """Three sites; a patient was seen at two of them, and an image of one stands at another too."""
    tables = [manifest(60, dataset=name) for name in ("north", "south", "west")]
    table = pd.concat(tables, ignore_index=True).assign(site=lambda rows: rows["dataset"])
    table.loc[120, "patient_id"] = table.loc[0, "patient_id"]
    table.loc[240, "image_id"] = table.loc[10, "image_id"]
    return table


def test_every_site_is_held_out_once_and_its_images_are_the_test(three_sites):
    folds = dict(leave_one_site_out(three_sites, seed=0))
    assert list(folds) == ["north", "south", "west"]
    for site, fold in folds.items():
        pd.testing.assert_series_equal(
            fold["split"] == "test", fold["site"] == site, check_names=False
        )
        assert set(fold["split"]) - {""} == {"train", "val", "test"}


def test_no_patient_and_no_image_is_held_out_and_trained_on(three_sites):
    for _, fold in leave_one_site_out(three_sites, seed=0):
        used = fold[fold["split"] != ""]
        assert used.groupby("patient_id")["split"].nunique().max() == 1
        assert used.groupby("image_id")["split"].nunique().max() == 1
    by_site = dict(leave_one_site_out(three_sites, seed=0))
    # 120 is of a patient of north, 240 an image of north, 241 of the same patient as 240
    unused = by_site["north"].index[by_site["north"]["split"] == ""]
    assert unused.tolist() == [120, 240, 241]


def test_a_patient_is_in_val_whatever_site_is_held_out(three_sites):
    folds = [fold["split"] for _, fold in leave_one_site_out(three_sites, seed=0)]
    for first, second in pairwise(folds):
        both = first.isin(["train", "val"]) & second.isin(["train", "val"])
        assert both.any()
        assert (first[both] == second[both]).all()


def test_rows_without_a_site_stand_for_their_dataset(three_sites):
    folds = leave_one_site_out(three_sites.assign(site=""), seed=0)
    assert [site for site, _ in folds] == ["north", "south", "west"]


def test_one_site_cannot_be_left_out(three_sites):
    with pytest.raises(ValueError, match="at least two sites expected, got here"):
        list(leave_one_site_out(three_sites.assign(site="here"), seed=0))


def test_one_patient_cannot_be_divided():
    table = manifest(4).assign(patient_id="a/000000000000", split="")
    with pytest.raises(InputError, match="all 8 images are of one patient"):
        assign_splits(table, seed=0)
