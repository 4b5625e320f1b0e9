"""Folds for cross-validation: by patient, every class dealt evenly over them, the same for ever.

Patients that share an image are one group, as in ``isnet_cxr.data.manifests.splits``. Here counts
must be even, since folds are small: patients of each class are shuffled by a hash and dealt out.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.splits import HASH_BYTES, patient_groups

FEWEST = 5
"""Patients of each class in a fold: with fewer, one patient moves the fold's AUC by 0.2 or more."""

LEAST_FOLDS = 2

if TYPE_CHECKING:
    Groups = pd.Series[int] | pd.Series[str]


def deal_folds(
    manifest: pd.DataFrame,
    *,
    folds: int,
    seed: int,
    validation: float = 0.1,
    copies: pd.DataFrame | None = None,
) -> Iterator[pd.DataFrame]:
    """Divide images into folds by patient; each is the test once, the others are train and val.

    Args:
        manifest: One row per image, all labelled.
        folds: How many.
        seed: Another seed deals in another order.
        validation: Share of val among the patients that are not tested, in each class; one
            patient at least.
        copies: Pairs of images that are one, as ``find_duplicates`` lists them.

    Yields:
        A copy of the manifest for each fold, with its column ``split``.

    Raises:
        InputError: As ``check_folds``.
    """
    group = patient_groups(manifest, copies)
    check_folds(manifest["label"], group, folds)
    patients = pd.DataFrame(
        {
            "name": manifest["patient_id"].groupby(group.to_numpy()).min(),
            "label": rarest_labels(manifest["label"], group),
        }
    )
    fold = _dealt(patients, folds, f"{seed}")
    for number in range(folds):
        others = patients[fold != number]
        order = _order(others, f"{seed} {number}")
        sizes = others.groupby("label")["label"].transform("size")
        held = order < np.maximum(1, (validation * sizes).round())
        split = pd.Series("test", index=patients.index).mask(fold != number, "train")
        split[held.index[held]] = "val"
        yield manifest.assign(split=group.map(split))


def check_folds(labels: "pd.Series[str]", group: "Groups", folds: int) -> None:
    """Refuse a division that leaves a fold with too little of a class.

    Args:
        labels: Of every image.
        group: Its patient, or group of patients.
        folds: How many folds there are to be.

    Raises:
        InputError: If there are fewer than two classes, or ``folds`` leave a class with fewer than
            ``FEWEST`` patients in each; names the class and how many folds there could be.
    """
    counts = rarest_labels(labels, group).value_counts()
    counts = counts.reindex(sorted(labels.unique()), fill_value=0)
    if len(counts) < 2:  # noqa: PLR2004
        raise InputError(f"images of two classes expected, all are of {', '.join(counts.index)}")
    least, patients = counts.idxmin(), int(counts.min())
    if patients < FEWEST * folds:
        possible = patients // FEWEST
        advice = f"at most {possible} folds" if possible >= LEAST_FOLDS else "too few for any folds"
        raise InputError(
            f"{folds} folds need {FEWEST * folds} patients of each class, {FEWEST} in each fold; "
            f"class {least!r} has {patients}: {advice}"
        )


def rarest_labels(labels: "pd.Series[str]", group: "Groups") -> "pd.Series[str]":
    """Give every group of patients one class: of those it has, the one that fewest patients have.

    Args:
        labels: Of every image.
        group: Its patient, or group of patients.

    Returns:
        A class for every group, by group.
    """
    frame = pd.DataFrame({"label": labels.to_numpy(), "group": group.to_numpy()})
    rarity = frame.groupby("label")["group"].nunique()
    ordered = frame.assign(patients=frame["label"].map(rarity)).sort_values(["patients", "label"])
    return ordered.groupby("group")["label"].first()


def _dealt(patients: pd.DataFrame, folds: int, salt: str) -> "pd.Series[int]":
    """Deal groups out, one class after the other, each going on where the one before ended."""
    order = patients.assign(order=_order(patients, salt)).sort_values(["label", "order"])
    return pd.Series(np.arange(len(order)) % folds, index=order.index).reindex(patients.index)


def _order(patients: pd.DataFrame, salt: str) -> "pd.Series[int]":
    """Number groups within their class, from 0, in an order that only ``salt`` and names decide."""
    digests = patients["name"].map(
        lambda name: hashlib.blake2b(f"{salt}\0{name}".encode(), digest_size=HASH_BYTES).hexdigest()
    )
    ordered = patients.assign(digest=digests).sort_values("digest", kind="stable")
    return ordered.groupby("label").cumcount().reindex(patients.index)
