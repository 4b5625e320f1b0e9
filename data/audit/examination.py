"""The whole audit of a collection and its external tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isnet_cxr.data.audit.appearance import Appearance, look_at_images, stack_appearance
from isnet_cxr.data.audit.association import Association, tabulate
from isnet_cxr.data.audit.contradictions import Contradiction, find_contradictions
from isnet_cxr.data.audit.leaks import Leak, find_leaks, roles_of
from isnet_cxr.data.audit.shortcuts import Shortcut, measure_shortcuts
from isnet_cxr.data.copies.duplicates import SAME_PIXELS, match_images
from isnet_cxr.data.manifests.splits import patient_groups


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        images: How many images each role has.
        patients: How many patients.
        copies: Pairs of images that are one, as ``find_duplicates`` lists them, over all roles;
            where no image was read, those with the same pixels alone.
        sources: The dataset of every file that is in ``copies``.
        leaks: What roles share that they must not.
        associations: Of the class in the collection, not in the external tests.
        shortcuts: The same; empty where no image was read.
        unreadable: Why, for every image that could not be read, by image id.
        contradictions: Images whose rows differ in class or patient, over all roles.
    """

    images: dict[str, int]
    patients: dict[str, int]
    copies: pd.DataFrame
    sources: dict[str, str]
    leaks: list[Leak]
    associations: list[Association]
    shortcuts: list[Shortcut]
    unreadable: dict[str, str]
    contradictions: list[Contradiction]


def audit_images(
    images: pd.DataFrame,
    external: Mapping[str, pd.DataFrame] | None = None,
    *,
    read_pixels: bool = True,
    workers: int = 1,
    progress: bool = True,
) -> Audit:
    """Look for copies, leaks and what gives the class away.

    Args:
        images: Manifest of the collection to train on; its splits are roles where they are given.
        external: Manifests of external tests, by name.
        read_pixels: Read every image once, for copies and shortcuts. Without, leaks and
            associations are found that the manifests tell.
        workers: Number of processes that read.
        progress: Show a bar while reading.
    """
    tests = dict(external or {})
    everything = pd.concat([images, *tests.values()], ignore_index=True)
    seen: list[Appearance] = []
    unreadable: dict[str, str] = {}
    if read_pixels:
        looks = _look_once(everything, workers=workers, progress=progress)
        names = dict(zip(everything["path"], everything["image_id"], strict=True))
        unreadable = {names[p]: look for p, look in looks.items() if isinstance(look, str)}
        images, *rest = (_readable(rows, looks) for rows in (images, *tests.values()))
        tests = dict(zip(tests, rest, strict=True))
        seen = [look for p in images["path"] if isinstance(look := looks[p], Appearance)]
        copies = _find_copies([images, *rest], looks)
    else:
        copies = _same_pixels(everything)
    roles = roles_of(images, tests)
    return Audit(
        images={role: len(rows) for role, rows in roles.items()},
        patients={role: rows["patient_id"].nunique() for role, rows in roles.items()},
        copies=copies,
        sources=_sources(roles.values(), copies),
        leaks=find_leaks(roles, copies),
        associations=tabulate(images),
        shortcuts=_shortcuts(images, copies, seen) if seen else [],
        unreadable=unreadable,
        contradictions=find_contradictions(everything),
    )


def _look_once(
    images: pd.DataFrame, *, workers: int, progress: bool
) -> dict[str, Appearance | str]:
    """Return how every file looks; a file in two roles is read once."""
    paths = list(dict.fromkeys(images["path"]))
    looks = look_at_images(
        [Path(path) for path in paths], fingerprints=True, workers=workers, progress=progress
    )
    return dict(zip(paths, looks, strict=True))


def _readable(images: pd.DataFrame, looks: Mapping[str, Appearance | str]) -> pd.DataFrame:
    read = [isinstance(looks[path], Appearance) for path in images["path"]]
    return images[read].reset_index(drop=True)


def _find_copies(
    manifests: list[pd.DataFrame], looks: Mapping[str, Appearance | str]
) -> pd.DataFrame:
    """Compare every image with every other; a row that stands in two roles is one image."""
    images = pd.concat(manifests, ignore_index=True).drop_duplicates("path", ignore_index=True)
    fingerprints = [
        look.fingerprint
        for path in images["path"]
        if isinstance(look := looks[path], Appearance) and look.fingerprint is not None
    ]
    return match_images(images, fingerprints)


def _same_pixels(images: pd.DataFrame) -> pd.DataFrame:
    """List, for every image that stands there again, the pair of it and its first appearance."""
    images = images.drop_duplicates("path")
    again = images["image_id"].duplicated()
    first = images.drop_duplicates("image_id").set_index("image_id")["path"]
    ids = images.loc[again, "image_id"]
    return pd.DataFrame(
        {
            "image_id_a": ids.to_numpy(),
            "image_id_b": ids.to_numpy(),
            "path_a": first[ids].to_numpy(),
            "path_b": images.loc[again, "path"].to_numpy(),
            "kind": SAME_PIXELS,
            "distance": 0.0,
        }
    )


def _shortcuts(
    images: pd.DataFrame, copies: pd.DataFrame, seen: list[Appearance]
) -> list[Shortcut]:
    return measure_shortcuts(images, patient_groups(images, copies), stack_appearance(seen))


def _sources(manifests: Iterable[pd.DataFrame], copies: pd.DataFrame) -> dict[str, str]:
    named = set(copies["path_a"]) | set(copies["path_b"])
    sources: dict[str, str] = {}
    for images in manifests:
        rows = images[images["path"].isin(named)]
        sources |= dict(zip(rows["path"], rows["dataset"], strict=True))
    return sources
