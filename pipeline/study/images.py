"""Which images play which part in a study: read, filtered, without duplicates, split by patient."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.data.audit import Leak
from isnet_cxr.data.copies.duplicates import DuplicateSettings, find_duplicates
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.manifest import concatenate
from isnet_cxr.data.manifests.splits import assign_splits
from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.leaks import refuse_leaks
from isnet_cxr.pipeline.study.machine import number_of_workers
from isnet_cxr.pipeline.study.sources import LeftOut, count_left_out, read_dataset
from isnet_cxr.pipeline.study.steps import digest_manifest, once

DUPLICATES = "duplicates.csv"
_IS_COPY = "also in the external test {test!r}"
_OF_COPIED = "of a patient who is in the external test {test!r} by another image"


@dataclass(frozen=True)
class StudyImages:
    """The images of a study by role.

    Attributes:
        datasets: All images of each dataset, by name; ``dataset`` is that name in every row.
        development: Images the classifiers are made from, with their split.
        external: Images of each external test, by the test's name.
        left_out: What was not used.
        copies: Pairs of images in the development set that are one; None where they were not
            looked for.
        leaks: What roles share and the study allows.
    """

    datasets: dict[str, pd.DataFrame]
    development: pd.DataFrame
    external: dict[str, pd.DataFrame]
    left_out: tuple[LeftOut, ...] = field(default=())
    copies: pd.DataFrame | None = None
    leaks: tuple[Leak, ...] = ()

    @property
    def tests(self) -> dict[str, pd.DataFrame]:
        """The tests by name: the development set's internal test first."""
        own = self.development[self.development["split"] == "test"].reset_index(drop=True)
        return {"internal": own, **self.external}


def assign_roles(config: StudyConfig, out: Path, *, progress: bool) -> StudyImages:
    """Read every dataset of a study and give its images their roles.

    Args:
        config: The study.
        out: The study's folder; what is read is kept under ``manifests``.
        progress: Show progress bars.

    Raises:
        InputError: If a dataset cannot be read, a role is left without images of two classes, or
            two roles share what they must not and the study does not allow it.
    """
    left_out: list[LeftOut] = []
    datasets = {
        name: read_dataset(name, dataset, out, left_out, progress=progress)
        for name, dataset in config.datasets.items()
    }
    roles = {"development": config.development, **config.external}
    chosen = {
        role: _choose(role, names, datasets, config.classes, left_out)
        for role, names in roles.items()
    }
    development = chosen.pop("development")
    copies = None
    if config.exclude_duplicates:
        development = _without_duplicates(development, chosen, out, left_out, progress=progress)
        copies = search_copies(
            development, None, out / "duplicates" / "development", progress=progress
        )
    development = _split(development, config, copies)
    leaks = refuse_leaks(development, chosen, copies, allowed=config.allow_leaks)
    return StudyImages(datasets, development, chosen, tuple(left_out), copies, leaks)


def without_unusable_masks(images: StudyImages, classes: Sequence[str]) -> StudyImages:
    """Drop images that cannot be trained on: those of train and val without a usable lung mask.

    Raises:
        InputError: If that leaves a class without images to train on.
    """
    trained = images.development["split"].isin(["train", "val"])
    unusable = (images.development["lung_mask"] == "") | (
        images.development["mask_quality"] == "failed"
    )
    dropped = images.development[trained & unusable]
    counted = count_left_out(dropped, "development", "no usable lung mask (training only)")
    development = images.development[~(trained & unusable)].reset_index(drop=True)
    _check_splits(development, classes, f" ({len(dropped)} images have no usable lung mask)")
    return replace(images, development=development, left_out=(*images.left_out, *counted))


def with_masks(manifest: pd.DataFrame, masked: pd.DataFrame) -> pd.DataFrame:
    """Give images the lung masks that ``masked`` has for them, by image."""
    columns = ["lung_mask", "mask_source", "mask_quality", "review_flag"]
    found = masked.drop_duplicates("image_id").set_index("image_id")
    has = manifest["image_id"].isin(found.index)
    result = manifest.copy()
    for column in columns:
        result.loc[has, column] = manifest.loc[has, "image_id"].map(found[column])
    return result


def search_copies(
    images: pd.DataFrame, other: pd.DataFrame | None, folder: Path, *, progress: bool
) -> pd.DataFrame:
    """List pairs of images that are one, once per images.

    Args:
        images: Manifest of some images.
        other: Of others, which they are compared with; None compares them with each other.
        folder: Where the pairs are kept.
        progress: Show progress bars.

    Returns:
        As ``find_duplicates``.
    """
    settings = DuplicateSettings()
    inputs = {
        "development": digest_manifest(images),
        "test": None if other is None else digest_manifest(other),
        "settings": asdict(settings),
    }

    def make(folder: Path) -> None:
        found = find_duplicates(
            images, other, settings=settings, workers=number_of_workers(), progress=progress
        )
        found.to_csv(folder / DUPLICATES, index=False)

    return pd.read_csv(once(folder, inputs, make) / DUPLICATES, dtype=str)


def _choose(
    role: str,
    names: list[str],
    datasets: Mapping[str, pd.DataFrame],
    classes: list[str],
    left_out: list[LeftOut],
) -> pd.DataFrame:
    images = concatenate(*(datasets[name] for name in names))
    known = images["label"].isin(classes)
    for label, group in images[~known].groupby("label"):
        reason = f"label {label!r} is not a class of the study" if label else "no label"
        left_out.extend(count_left_out(group, role, reason))
    repeated = images["image_id"].duplicated() & known
    left_out.extend(count_left_out(images[repeated], role, "the same pixels stand in it twice"))
    kept = images[known & ~repeated].reset_index(drop=True)
    if kept.empty:
        labels = ", ".join(sorted(set(images["label"]))) or "none"
        raise InputError(f"{role}: no image has a class of the study; the labels are: {labels}")
    return kept


def _without_duplicates(
    development: pd.DataFrame,
    external: Mapping[str, pd.DataFrame],
    out: Path,
    left_out: list[LeftOut],
    *,
    progress: bool,
) -> pd.DataFrame:
    for test, images in external.items():
        found = search_copies(development, images, out / "duplicates" / test, progress=progress)
        doubles = development["image_id"].isin(found["image_id_a"])
        theirs = development["patient_id"].isin(development.loc[doubles, "patient_id"])
        left_out.extend(
            count_left_out(development[doubles], "development", _IS_COPY.format(test=test))
        )
        others = development[theirs & ~doubles]
        left_out.extend(count_left_out(others, "development", _OF_COPIED.format(test=test)))
        development = development[~theirs].reset_index(drop=True)
    return development


def describe_copies(images: StudyImages) -> str:
    """Say how many images the development set lost as copies, and to which external test."""
    counts: Counter[str] = Counter()
    for entry in images.left_out:
        counts[entry.reason] += entry.count if entry.role == "development" else 0
    lost = []
    for test in images.external:
        copied, theirs = (counts[why.format(test=test)] for why in (_IS_COPY, _OF_COPIED))
        lost.append(f"{copied} of {test}" + (f" and {theirs} of their patients" if theirs else ""))
    return f"dropped from the development set as copies: {', '.join(lost) or 'none'}"


def flagged_images(images: StudyImages) -> list[dict[str, Any]]:
    """Count, by role, dataset and reason, the images that a person should look at.

    They are used all the same; ``review_flag`` in the manifests of images says which they are.
    """
    rows = []
    for role, manifest in {"development": images.development, **images.external}.items():
        seen = manifest[manifest["review_flag"] != ""]
        for (dataset, reason), group in seen.groupby(["dataset", "review_flag"]):
            rows.append({"dataset": dataset, "role": role, "reason": reason, "count": len(group)})
    return rows


def _split(
    development: pd.DataFrame, config: StudyConfig, copies: pd.DataFrame | None
) -> pd.DataFrame:
    """Split by patient; images whose manifest brings a split keep it, be it a leak."""
    development = assign_splits(
        development,
        fractions=config.fractions,
        seed=config.split_seed,
        keep=True,
        allow_torn=True,
        copies=copies,
    )
    _check_splits(development, config.classes)
    return development


def _check_splits(development: pd.DataFrame, classes: Sequence[str], why: str = "") -> None:
    for split in ("train", "val", "test"):
        labels = set(development.loc[development["split"] == split, "label"])
        if missing := [name for name in classes if name not in labels]:
            raise InputError(
                f"development: no image of class {missing[0]!r} in the split {split}{why}"
            )
