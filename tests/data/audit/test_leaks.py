"""What two roles share is found where a classifier is made from one of them, and only there."""

import pandas as pd
import pytest

from isnet_cxr.data.audit import find_leaks, leak_names
from isnet_cxr.data.audit.leaks import roles_of


def role(*images: str) -> pd.DataFrame:
    """Images named ``<image>@<patient>``."""
    rows = [
        {"image_id": image.split("@")[0], "patient_id": image.split("@")[1]} for image in images
    ]
    return pd.DataFrame(rows, columns=["image_id", "patient_id"])


def copies(*pairs: tuple[str, str], kind: str = "copy") -> pd.DataFrame:
    return pd.DataFrame(
        [{"image_id_a": a, "image_id_b": b, "kind": kind} for a, b in pairs],
        columns=["image_id_a", "image_id_b", "kind"],
    )


def named(roles, pairs=None):
    return {leak.name: (leak.count, leak.image_ids) for leak in find_leaks(roles, pairs)}


def test_clean_roles_leak_nothing():
    roles = {"train": role("a@1", "b@1"), "test": role("c@2"), "away": role("d@3")}
    assert find_leaks(roles, copies(("a", "b"))) == []


def test_an_image_in_two_roles_is_counted_once():
    roles = {"train": role("a@1", "b@2"), "away": role("b@9", "b@8", "c@7")}
    assert named(roles) == {"images in train and away": (1, ("b",))}


@pytest.mark.parametrize("pair", [("a", "c"), ("c", "a")])
def test_copies_are_found_whichever_way_round_they_are_listed(pair):
    roles = {"val": role("a@1"), "test": role("c@2")}
    assert named(roles, copies(pair, pair)) == {"copies in val and test": (1, ("a", "c"))}


def test_the_same_pixels_are_an_image_not_a_copy():
    roles = {"train": role("a@1"), "test": role("a@2")}
    assert list(named(roles, copies(("a", "a"), kind="same pixels"))) == [
        "images in train and test"
    ]


def test_a_patient_in_two_roles_is_named_by_images_only():
    roles = {"train": role("a@1", "b@2"), "test": role("c@1")}
    assert named(roles) == {"patients in train and test": (1, ("a", "c"))}


def test_two_tests_may_share_what_they_like():
    shared = role("a@1")
    assert find_leaks({"test": shared, "away": shared, "far": shared}) == []


def test_every_leak_has_a_name_that_can_be_allowed():
    shared = role("a@1", "b@2")
    roles = {"train": shared, "val": shared, "test": shared, "away": shared}
    found = set(named(roles, copies(("a", "b"))))
    assert found == set(leak_names(roles))
    assert "images in test and away" not in found


def test_images_without_split_are_the_pool():
    images = role("a@1", "b@2", "c@3").assign(split=["train", "", "test"])
    roles = roles_of(images, {"away": role("d@4")})
    assert {name: list(rows["image_id"]) for name, rows in roles.items()} == {
        "train": ["a"], "development": ["b"], "test": ["c"], "away": ["d"],
    }  # fmt: skip
