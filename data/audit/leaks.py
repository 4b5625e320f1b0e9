"""The same image or the same patient in two roles: what makes a test's figures too good.

A role is what images are used for. Two roles leak when a classifier is made from one of them, by
training or by choosing its epoch; two tests may share what they like.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.copies.duplicates import SAME_PIXELS

DEVELOPMENT = "development"
LEARNED_FROM = (DEVELOPMENT, "train", "val")
"""Roles a classifier is made from; ``DEVELOPMENT`` are images that are not split yet."""

IMAGES, COPIES, PATIENTS = "images", "copies", "patients"
KINDS = (IMAGES, COPIES, PATIENTS)


@dataclass(frozen=True)
class Leak:
    """Something that two roles share.

    Attributes:
        kind: "images" (the same pixels), "copies" (of one image) or "patients".
        first: A role.
        second: Another.
        count: How many images, pairs of copies or patients they share.
        image_ids: The images of both roles that are concerned.
    """

    kind: str
    first: str
    second: str
    count: int
    image_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is allowed by."""
        return _name(self.kind, self.first, self.second)


def leak_names(roles: Iterable[str]) -> list[str]:
    """List the names of all leaks there could be between ``roles``."""
    return [_name(kind, *pair) for pair in _pairs(roles) for kind in KINDS]


def roles_of(
    images: pd.DataFrame, external: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, pd.DataFrame]:
    """Sort images by role: those of one collection by their split, external tests by their name."""
    splits = images["split"].replace("", DEVELOPMENT)
    own = {str(split): rows for split, rows in images.groupby(splits, sort=False)}
    return {**own, **(external or {})}


def find_leaks(roles: Mapping[str, pd.DataFrame], copies: pd.DataFrame | None = None) -> list[Leak]:
    """List what roles share that they must not.

    Args:
        roles: Manifest of each role.
        copies: Pairs of images that are one, as ``find_duplicates`` lists them.

    Returns:
        At most one leak per pair of roles and kind. A patient is one who has images in both roles;
        who is known by a shared image alone is counted there.
    """
    leaks = []
    for first, second in _pairs(roles):
        for kind, (count, concerned) in _shared(roles[first], roles[second], copies).items():
            if count:
                leaks.append(Leak(kind, first, second, count, tuple(concerned)))
    return leaks


def _pairs(roles: Iterable[str]) -> Iterator[tuple[str, str]]:
    for first, second in combinations(roles, 2):
        if first in LEARNED_FROM or second in LEARNED_FROM:
            yield first, second


def _name(kind: str, first: str, second: str) -> str:
    return f"{kind} in {first} and {second}"


def _shared(
    a: pd.DataFrame, b: pd.DataFrame, copies: pd.DataFrame | None
) -> dict[str, tuple[int, list[str]]]:
    images = sorted(set(a["image_id"]) & set(b["image_id"]))
    pairs = _copies_between(a, b, copies)
    patients = set(a["patient_id"]) & set(b["patient_id"])
    theirs = [rows.loc[rows["patient_id"].isin(patients), "image_id"] for rows in (a, b)]
    return {
        IMAGES: (len(images), images),
        COPIES: (len(pairs), sorted(set(pairs.ravel()))),
        PATIENTS: (len(patients), sorted(set().union(*theirs))),
    }


def _copies_between(
    a: pd.DataFrame, b: pd.DataFrame, copies: pd.DataFrame | None
) -> NDArray[np.object_]:
    """Return the pairs (K, 2) with one image in each, whichever way round they are listed."""
    if copies is None or copies.empty:
        return np.empty((0, 2), dtype=object)
    unlike = copies[copies["kind"] != SAME_PIXELS]
    one, other = unlike["image_id_a"], unlike["image_id_b"]
    here, there = one.isin(a["image_id"]), other.isin(b["image_id"])
    here_too, there_too = other.isin(a["image_id"]), one.isin(b["image_id"])
    across = (here & there) | (here_too & there_too)
    return np.unique(
        np.sort(unlike.loc[across, ["image_id_a", "image_id_b"]].to_numpy(dtype=str), axis=1),
        axis=0,
    ).astype(object)
