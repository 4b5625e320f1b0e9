"""Train, validation and test: by patient, the same for ever.

A patient's split is a function of the patient and the seed alone (a hash against the fractions), so
rows can be added without moving anyone. Every label of every dataset and site is thereby split in
the same proportions, up to chance: with n patients and a share p, by about sqrt(p (1 - p) / n).
Exact proportions would need a count over all rows, and then every added row could move another.

Patients who share an image are on one side. The same image is the same pixels, or a copy that
``isnet_cxr.data.copies.duplicates`` found: datasets that publish each other's patients under other
names (NIH and RSNA, for one) are tied together by their images alone.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from isnet_cxr.data.errors import InputError

SPLITS = ("train", "val", "test")
HASH_BYTES = 8
TOLERANCE = 1e-6
LEAST_SITES = 2


def assign_splits(
    manifest: pd.DataFrame,
    *,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
    seed: int,
    keep: bool = False,
    allow_torn: bool = False,
    copies: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Fill the column ``split``.

    Patients that share an image are one group, so that no image and no patient is ever on two
    sides. A group goes where its first patient, by id, goes: added rows move nobody, unless they
    tie together patients who were apart (``keep`` then holds them where they were, or refuses).

    Args:
        manifest: One row per image.
        fractions: Shares of train, val and test; their sum is 1.
        seed: Another seed gives another, independent division.
        keep: Rows that have a split keep it, and their group follows.
        allow_torn: Rows whose split is kept may tear a group; its other rows follow the first of
            them. ``isnet_cxr.data.audit.find_leaks`` says what is torn.
        copies: Pairs of images that are one, as ``find_duplicates`` lists them; the same
            ``image_id`` is one image without being listed.

    Returns:
        A copy of the manifest.

    Raises:
        InputError: If the fractions are no shares, all images are of one group, or a group has two
            splits that are to be kept and must not be torn.
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1.0, abs_tol=TOLERANCE):
        raise InputError(f"fractions must be shares whose sum is 1, got {fractions}")
    group = patient_groups(manifest, copies)
    kept = _kept(manifest, group, allow_torn=allow_torn) if keep else {}
    if len(manifest) > 1 and group.nunique() == 1 and not kept and max(fractions) < 1:
        raise InputError(
            f"column patient_id: all {len(manifest)} images are of one patient, or copies of "
            "each other's: they cannot be divided"
        )
    first = manifest["patient_id"].groupby(group.to_numpy()).min()
    split = {
        int(key): _draw(str(patient), fractions, seed)
        for key, patient in zip(first.index, first, strict=True)
    }
    assigned = group.map(split | kept).astype(str)
    if keep:
        assigned = assigned.where(manifest["split"] == "", manifest["split"])
    return manifest.assign(split=assigned)


def leave_one_site_out(
    manifest: pd.DataFrame,
    *,
    seed: int,
    validation: float = 0.1,
    copies: pd.DataFrame | None = None,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Hold out each site in turn: its images are the test, those of all others train and val.

    An image elsewhere whose patient was also seen at the site, or that is the same as an image
    there, gets no split, so that it is on neither side.

    Args:
        manifest: One row per image; rows without a site stand for their dataset's.
        seed: As in ``assign_splits``; a patient is in val or train whatever the held out site.
        validation: Share of val among the patients that are not held out.
        copies: As for ``assign_splits``.

    Yields:
        The site, and a copy of the manifest with its column ``split``.

    Raises:
        InputError: If there is only one site, or ``validation`` is no share.
    """
    site = manifest["site"].where(manifest["site"] != "", manifest["dataset"])
    names = sorted(set(site))
    if len(names) < LEAST_SITES:
        raise InputError(f"column site: at least two sites expected, got {', '.join(names)}")
    fractions = (1 - validation, validation, 0.0)
    elsewhere = assign_splits(manifest, fractions=fractions, seed=seed, copies=copies)["split"]
    group = patient_groups(manifest, copies)
    for name in names:
        here = site == name
        split = elsewhere.mask(group.isin(group[here]), "").mask(here, "test")
        yield name, manifest.assign(split=split)


def patient_groups(manifest: pd.DataFrame, copies: pd.DataFrame | None = None) -> "pd.Series[int]":
    """Number the groups of patients that are tied to each other by shared images.

    Args:
        manifest: One row per image.
        copies: As for ``assign_splits``; pairs with an image that is not here are ignored.

    Returns:
        One number per row, equal within a group, on the manifest's index.
    """
    patients, patient_names = pd.factorize(manifest["patient_id"])
    images, image_names = pd.factorize(manifest["image_id"])
    offset = len(patient_names)
    edges = np.stack([patients, images + offset])
    if copies is not None and len(copies):
        names = pd.Index(image_names)
        ends = [names.get_indexer(copies[side]) for side in ("image_id_a", "image_id_b")]
        pairs = np.stack(ends)
        edges = np.concatenate([edges, pairs[:, (pairs >= 0).all(axis=0)] + offset], axis=1)
    size = offset + len(image_names)
    graph = coo_array((np.ones(edges.shape[1]), tuple(edges)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return pd.Series(component[patients], index=manifest.index, dtype=int)


def _kept(manifest: pd.DataFrame, group: "pd.Series[int]", *, allow_torn: bool) -> dict[int, str]:
    given = manifest["split"] != ""
    by_group = manifest.loc[given, "split"].groupby(group[given].to_numpy())
    torn = by_group.nunique()
    if (torn > 1).any() and not allow_torn:
        rows = group.index[group == torn.index[torn > 1][0]].tolist()
        raise InputError(
            f"column split: rows {rows} are of one patient, or share an image, but have "
            f"{' and '.join(sorted(set(manifest['split'].loc[rows]) - {''}))}"
        )
    names = by_group.first()
    return {int(key): str(name) for key, name in zip(names.index, names, strict=True)}


def _draw(patient: str, fractions: tuple[float, float, float], seed: int) -> str:
    digest = hashlib.blake2b(f"{seed}\0{patient}".encode(), digest_size=HASH_BYTES).digest()
    point = int.from_bytes(digest, "big") / 2 ** (8 * HASH_BYTES)
    if point < fractions[0]:
        return "train"
    return "val" if point < fractions[0] + fractions[1] else "test"
