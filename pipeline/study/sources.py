"""Where a study's images come from: each dataset read or generated once, and kept as a manifest."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isnet_cxr.data.datasets import ADAPTERS
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.failures import write_failures
from isnet_cxr.data.manifests.importing import LAYOUTS, import_dataset
from isnet_cxr.data.manifests.manifest import COLUMNS, read_manifest, write_manifest
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.phantoms import HOSPITALS, make_hospital
from isnet_cxr.pipeline.config import DatasetConfig, PhantomsConfig
from isnet_cxr.pipeline.study.machine import number_of_workers
from isnet_cxr.pipeline.study.steps import (
    digest_file,
    digest_mask,
    digest_values,
    once,
    read_json,
    write_json,
)

MANIFEST, LEFT_OUT = "manifest.parquet", "left-out.json"


@dataclass(frozen=True)
class LeftOut:
    """Images that a study does not use, counted.

    Attributes:
        dataset: Where they come from.
        role: The part they would have played; empty when the whole study leaves them out.
        reason: Why.
        count: How many.
    """

    dataset: str
    role: str
    reason: str
    count: int


def read_dataset(
    name: str, dataset: DatasetConfig, out: Path, left_out: list[LeftOut], *, progress: bool
) -> pd.DataFrame:
    """Return a dataset's images, read or generated once.

    Args:
        name: The dataset's name in the study.
        dataset: Where it comes from.
        out: The study's folder.
        left_out: Gets what the dataset does not bring into the study.
        progress: Show progress bars.

    Raises:
        InputError: If it cannot be read, or ``where`` leaves no image of it.
    """
    folder = once(
        out / "manifests" / name,
        _origin(dataset),
        lambda folder: _import(name, dataset, folder, progress=progress),
    )
    manifest = read_manifest(folder / MANIFEST)
    for reason, count in read_json(folder / LEFT_OUT).items():
        left_out.append(LeftOut(name, "", reason, count))
    manifest["dataset"] = name
    kept = keep_where(manifest, dataset.where, name)
    left_out.extend(count_left_out(manifest.drop(kept.index), "", "not in the study's `where`"))
    fewer = keep_at_most(kept, dataset.at_most)
    left_out.extend(count_left_out(kept.drop(fewer.index), "", "beyond the study's `at_most`"))
    return fewer.reset_index(drop=True)


def _origin(dataset: DatasetConfig) -> dict[str, str]:
    if dataset.manifest is not None:
        return {"manifest": digest_file(dataset.manifest)}
    if dataset.phantoms is not None:
        return {"phantoms": dataset.phantoms.model_dump_json()}
    origin = {"adapter": str(dataset.adapter), "root": str(dataset.root)}
    if dataset.labels:
        origin["labels"] = str(list(dataset.labels.items()))  # their order counts
    return {**origin, "records": _digest_records(dataset)}


def _digest_records(dataset: DatasetConfig) -> str:
    """Digest what the publisher says of every image, and what its lung masks hold."""
    assert dataset.adapter is not None, "by the schema"
    assert dataset.root is not None, "by the schema"
    listing = ADAPTERS[dataset.adapter].read(dataset.root, labels=dataset.labels)
    masks = [[digest_mask(mask) for mask in record.lung_masks] for record in listing.records]
    return digest_values({"records": listing.records, "masks": masks})


def _import(name: str, dataset: DatasetConfig, folder: Path, *, progress: bool) -> None:
    """Write the manifest, what could not be read and what the publisher's layout leaves out."""
    if dataset.manifest is not None:
        write_manifest(read_manifest(dataset.manifest), folder / MANIFEST)
        write_json({}, folder / LEFT_OUT)
        return
    if dataset.phantoms is not None:
        write_manifest(_generate(dataset.phantoms, folder, progress=progress), folder / MANIFEST)
        write_json({}, folder / LEFT_OUT)
        return
    assert dataset.adapter is not None, "by the schema"
    assert dataset.root is not None, "by the schema"
    imported = import_dataset(
        dataset.adapter,
        dataset.root,
        labels=dataset.labels,
        anew=folder,
        progress=progress,
        called=name if dataset.adapter in LAYOUTS else "",
    )
    write_manifest(imported.manifest, folder / MANIFEST)
    write_failures(imported.failures, folder / "failures.csv")
    unreadable = {"unreadable": len(imported.failures)} if imported.failures else {}
    write_json({**imported.left_out, **unreadable}, folder / LEFT_OUT)


def _generate(phantoms: PhantomsConfig, folder: Path, *, progress: bool) -> pd.DataFrame:
    hospital = HOSPITALS[phantoms.hospital]
    counts = dict.fromkeys(hospital.looks, phantoms.images_per_class)
    return make_hospital(
        hospital,
        folder,
        counts=counts,
        seed=phantoms.seed,
        workers=number_of_workers(),
        progress=progress,
    )


def keep_where(
    images: pd.DataFrame,
    where: Mapping[str, Sequence[str]],
    name: str,
    *,
    known: Collection[str] = COLUMNS,
    untold: Collection[str] = (),
) -> pd.DataFrame:
    """Keep the images that a dataset's ``where`` asks for.

    Args:
        images: One row per image.
        where: Values by column.
        name: The dataset's, for errors.
        known: Columns that ``images`` has; by others nothing is left out.
        untold: Columns that say nothing, "", of images that may turn out to have a value.

    Raises:
        InputError: If there is no such column in manifests, or no image is left.
    """
    place, kept = f"datasets.{name}.where", images
    for column, values in where.items():
        if column not in COLUMNS:
            raise InputError(f"{place}: {name_unknown('column', [column], COLUMNS)}")
        if column not in known:
            continue
        kept = kept[kept[column].isin([*values, *([""] if column in untold else [])])]
        if kept.empty:
            raise InputError(f"{place}.{column}: no image has any of {', '.join(values)}")
    return kept


def keep_at_most(images: pd.DataFrame, at_most: Mapping[str, int]) -> pd.DataFrame:
    """Keep so many images of a class: patient by patient, in the order of their hashed ids.

    Args:
        images: With the columns label and patient_id, one row per image, indices not repeated.
        at_most: Images by class; classes that are not in it are kept whole.
    """
    if not at_most or images.empty:
        return images
    order = images["patient_id"].map(lambda one: hashlib.blake2b(one.encode()).hexdigest())
    drawn = images.loc[order.sort_values(kind="stable").index]
    number = drawn.groupby("label").cumcount()
    limit = drawn["label"].map(dict(at_most)).fillna(len(drawn))
    return images[(number < limit).reindex(images.index)]


def count_left_out(images: pd.DataFrame, role: str, reason: str) -> list[LeftOut]:
    """Count the images that ``role`` does not use for ``reason``, by dataset."""
    counts = Counter(images["dataset"])
    return [LeftOut(dataset, role, reason, count) for dataset, count in sorted(counts.items())]
