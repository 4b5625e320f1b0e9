"""A published dataset's folder to a manifest: every image is read once, the bad ones are listed.

Some publishers' files are negatives, which only a header beside them tells. These images are
written anew, the right way round: everything that reads a manifest then sees air dark by the file
alone.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.data.datasets import ADAPTERS, Listing
from isnet_cxr.data.datasets.table import read_table_of_images
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.boxes import boxes_text, place_boxes
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.manifests.lung_masks import EmptyMask, read_lung_mask
from isnet_cxr.data.manifests.manifest import COLUMNS, validate
from isnet_cxr.data.manifests.records import DEFAULT_SALT, Record, image_id, patient_key
from isnet_cxr.data.manifests.spacing import find_spacing
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import Radiograph, UnreadableImage, read_image
from isnet_cxr.data.review.flags import review_flags
from isnet_cxr.data.writers import write_mask, write_nifti

LAYOUTS = ("csv", "folder", "dicom")
"""The adapters that read a user's own dataset, and no publisher's."""

MAX_DEFAULT_WORKERS = 4
BOXES_OUTSIDE = "warning: boxes left out, they reach out of the image"


@dataclass(frozen=True)
class Imported:
    """What came of a dataset.

    Attributes:
        manifest: One row per image that could be read. Copies of one image within the dataset stay;
            they have the same image_id.
        failures: The images that could not be read.
        left_out: How many images the dataset's adapter does not use, by reason.
        remarks: What else the adapter says, and of how many images that are used.
        ignored: The files of ``left_out`` by name, where a folder was searched for images.
    """

    manifest: pd.DataFrame
    failures: list[Failure]
    left_out: dict[str, int]
    remarks: dict[str, int] = field(default_factory=dict)
    ignored: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    record: Record
    salt: str
    anew: Path | None


@dataclass(frozen=True)
class _Lungs:
    """An image's mask file, and what is flagged about the image with it."""

    path: Path
    review_flag: tuple[str, ...]


def import_dataset(  # noqa: PLR0913 - what the command offers, by name
    name: str,
    root: Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    anew: Path | None = None,
    salt: str = DEFAULT_SALT,
    called: str = "",
) -> Imported:
    """Read every image of a dataset once and describe it in a manifest.

    Args:
        name: One of ``isnet_cxr.data.datasets.ADAPTERS``.
        root: The dataset's folder; for ``csv``, the table.
        workers: Number of processes that read; by default as many as there are processors, at
            most 4.
        progress: Show a bar.
        columns: For ``csv``: the table's names of the manifest's columns.
        labels: The publisher's labels and the classes that they shall stand for, where the
            adapter's own choice (its ``LABELS``) is another; an empty class leaves out.
        anew: Folder for what has to be written anew: in ``masks`` the lung masks that the publisher
            keeps in several files or smaller than the image, in ``images`` the images that the
            publisher keeps as negatives (16-bit NIfTI).
        salt: Hashed with every patient id, see ``isnet_cxr.data.manifests.records.patient_key``.
        called: Name of a dataset in one of ``LAYOUTS``, which no publisher named; by default that
            of its table or folder. Equal ids are one patient where datasets have the same name.

    Raises:
        InputError: If the dataset is unknown, or ``called`` otherwise than its publisher did, its
            table is wrong, a label of ``labels`` does not occur in it, or it needs ``anew`` and
            there is no such folder.
        FileNotFoundError: If the root or a file in it is missing.
    """
    listing = _list_records(name, root, columns, labels, called)
    _check_before_reading(listing.records, source=str(root))
    if anew is None and any(len(record.lung_masks) > 1 for record in listing.records):
        raise InputError(f"{name}: it has a mask for each lung; a folder for joined ones is needed")
    if anew is None and any(record.negative for record in listing.records):
        raise InputError(f"{name}: some images are negatives; a folder for turned ones is needed")
    tasks = [_Task(record, salt, anew) for record in listing.records]
    outcomes = list(
        map_items(
            _read_row,
            tasks,
            workers=workers or min(MAX_DEFAULT_WORKERS, os.cpu_count() or 1),
            title=f"Reading {name}",
            progress=progress,
        )
    )
    rows = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    without_lungs = Counter(outcome for outcome in outcomes if isinstance(outcome, str))
    return Imported(
        manifest=validate(pd.DataFrame(rows, columns=list(COLUMNS)), source=str(root)),
        failures=[
            *listing.failures,
            *(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        ],
        left_out=dict(Counter(listing.left_out) + without_lungs),
        remarks=listing.remarks,
        ignored=listing.ignored,
    )


def _list_records(
    name: str,
    root: Path,
    columns: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    called: str,
) -> Listing:
    if name not in ADAPTERS:
        raise InputError(name_unknown("dataset", [name], ADAPTERS))
    if columns and name != "csv":
        raise InputError(f"{name}: columns can be mapped for csv only")
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such file or folder; {ADAPTERS[name].layout} expected")
    if called and name not in LAYOUTS:
        raise InputError(f"{name}: its publisher named it; expected {', '.join(LAYOUTS)}")
    if name == "csv":
        listing = read_table_of_images(root, labels=labels, columns=columns)
    else:
        listing = ADAPTERS[name].read(root, labels=labels)
    if not called:
        return listing
    unnamed = root.stem if name == "csv" else root.resolve().name
    return replace(listing, records=list(_rename(listing.records, unnamed, called)))


def _rename(records: list[Record], unnamed: str, called: str) -> Iterator[Record]:
    """Name what a table did not name itself: it bears the name of the table or folder."""
    for record in records:
        own = replace(record, site=called) if record.site == unnamed else record
        yield replace(own, dataset=called) if record.dataset == unnamed else own


def _check_before_reading(records: list[Record], *, source: str) -> None:
    """Let ``validate`` see all that is known before an hour is spent on reading images."""
    blank = Radiograph(pixels=np.zeros((1, 1, 1), dtype=np.float32))
    rows = [_row(record, blank, identity="0" * 16, salt="") for record in records]
    validate(pd.DataFrame(rows, columns=list(COLUMNS)), source=source)


def _read_row(task: _Task) -> dict[str, Any] | Failure | str:
    """Return an image's row, why it cannot be read, or why it is left out."""
    record = task.record
    try:
        image = _the_right_way_round(read_image(record.path), record)
        identity = image_id(image.pixels)
        lungs = _lungs(record, image, task.anew, identity) if record.lung_masks else None
    except UnreadableImage as error:
        if isinstance(error, EmptyMask) and record.without_lungs:
            return record.without_lungs
        return Failure(record.path, error.reason)
    if record.negative and task.anew is not None:
        positive = task.anew / "images" / f"{identity}.nii.gz"
        write_nifti(image.pixels, positive, image.spacing_mm)
        record = replace(record, path=positive)
    return _row(record, image, identity=identity, salt=task.salt, lungs=lungs)


def _the_right_way_round(image: Radiograph, record: Record) -> Radiograph:
    if not record.negative:
        return image
    return replace(
        image, pixels=1 - image.pixels, steps=(*image.steps, "inverted, says the publisher")
    )


def _lungs(record: Record, image: Radiograph, folder: Path | None, identity: str) -> _Lungs:
    """Take the publisher's own file where it fits the image, and a new one where it does not."""
    height, width = image.pixels.shape[1:]
    mask, fits = read_lung_mask(
        record.lung_masks, height=height, width=width, only=record.lung_value
    )
    review_flag = review_flags(image.pixels, mask)
    if fits:
        return _Lungs(record.lung_masks[0], review_flag)
    if folder is None:
        raise UnreadableImage(record.path, "lung mask has to be written anew, no folder for it")
    written = folder / "masks" / f"{identity}.png"
    write_mask(mask, written)
    return _Lungs(written, review_flag)


def _row(
    record: Record, image: Radiograph, *, identity: str, salt: str, lungs: _Lungs | None = None
) -> dict[str, Any]:
    height, width = image.pixels.shape[1:]
    spacing = find_spacing(record, image) or (float("nan"), float("nan"))
    frame = record.box_frame or (height, width)
    boxes = place_boxes(record.boxes, height=frame[0], width=frame[1])
    return {
        "image_id": identity,
        "path": str(record.path.absolute()),
        "dataset": record.dataset,
        "site": record.site,
        "patient_id": patient_key(
            record.patients_of or record.dataset,
            record.patient or image.patient or identity,
            salt=salt,
        ),
        "label": record.label,
        "view": record.view or image.view,
        "age": record.age,
        "sex": record.sex,
        "height_px": height,
        "width_px": width,
        "spacing_row_mm": spacing[0],
        "spacing_col_mm": spacing[1],
        "split": record.split,
        "lung_mask": str(lungs.path.absolute()) if lungs else "",
        "mask_source": "reference" if lungs else "",
        "mask_quality": "",
        "reading": "; ".join((*image.steps, *([BOXES_OUTSIDE] if boxes is None else ()))),
        "review_flag": "; ".join(lungs.review_flag) if lungs else "",
        "boxes": boxes_text(boxes or ()),
    }
