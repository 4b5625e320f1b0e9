"""One row of a published dataset before its image is read, and the ids of images and patients."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.manifests.boxes import Box

IMAGE_ID_BYTES = 8
HASHED_AT_ONCE = 2**16
PATIENT_HASH_BYTES = 6
DEFAULT_SALT = "isnet-cxr"

Frame: TypeAlias = tuple[float, float]
"""Height and width."""


@dataclass(frozen=True)
class Record:
    """What a dataset says about one of its images.

    Attributes:
        path: The image file.
        dataset: Name of the dataset.
        site: Hospital or other origin; the dataset's name when it has only one.
        patient: The publisher's patient id, unique within the dataset; empty when unknown. Never
            written: manifests carry ``patient_key``.
        patients_of: The dataset whose ids these are, where a dataset took over another's patients;
            empty for its own. Equal patients then have equal keys in both.
        label: Class name, or empty when the dataset has none.
        view: PA, AP, AP supine, lateral or empty.
        age: In years, NaN when unknown.
        sex: M, F or empty.
        lung_masks: Reference masks of the lungs: none, one, or one for each lung.
        split: The publisher's split (train, val, test) or empty.
        spacing_mm: Distance between rows and between columns where the publisher states it.
        published_px: Heights and widths of the images that ``spacing_mm`` is of, one of which the
            file is a copy of; empty where it is of the file as it is.
        negative: Whether the file holds a negative, air bright, and only the publisher says so.
        extent_mm: Height and width of what the image shows, where the publisher states it; gives
            the spacing of copies of any size.
        without_lungs: Why the image is left out where its lung mask shows none; such an image is a
            failure where this is empty.
        lung_value: The one grey value that is lung in the mask, where the publisher says so.
        boxes: Around findings: left, top, right, bottom.
        box_frame: Height and width of what the boxes were drawn on, in their units; 1 and 1 where
            they are parts of the image, None where they are in the file's own pixels.
    """

    path: Path
    dataset: str
    site: str
    patient: str
    patients_of: str = ""
    label: str = ""
    view: str = ""
    age: float = float("nan")
    sex: str = ""
    lung_masks: tuple[Path, ...] = ()
    split: str = ""
    spacing_mm: tuple[float, float] | None = None
    published_px: tuple[tuple[int, int], ...] = ()
    extent_mm: tuple[float, float] | None = None
    negative: bool = False
    without_lungs: str = ""
    lung_value: int | None = None
    boxes: tuple[Box, ...] = ()
    box_frame: Frame | None = None


def image_id(pixels: NDArray[np.float32]) -> str:
    """Name an image by its pixels, so that the same image is the same wherever it comes from.

    Args:
        pixels: (1, H, W) in [0, 1], as a reader returns them.

    Returns:
        16 hexadecimal digits: blake2b of the shape and of the pixels rounded to 16 bits.
    """
    digest = hashlib.blake2b(repr(tuple(pixels.shape)).encode(), digest_size=IMAGE_ID_BYTES)
    values = np.ascontiguousarray(pixels).reshape(-1)
    for start in range(0, len(values), HASHED_AT_ONCE):  # what fits into a core's cache
        some = np.clip(values[start : start + HASHED_AT_ONCE], 0.0, 1.0)
        some *= 65535.0
        digest.update(np.round(some, out=some).astype("<u2").tobytes())
    return digest.hexdigest()


def patient_key(dataset: str, patient: str, *, salt: str = DEFAULT_SALT) -> str:
    """Return ``<dataset>/<12 hex digits>``: equal for equal patients, unlike across datasets.

    Args:
        dataset: Name of the dataset, part of what is hashed.
        patient: The publisher's or hospital's id.
        salt: Keep your own and keep it secret where ids could be guessed: short hospital numbers
            can be found again from a hash whose salt is known.
    """
    content = "\0".join((salt, dataset, patient)).encode()
    return f"{dataset}/{hashlib.blake2b(content, digest_size=PATIENT_HASH_BYTES).hexdigest()}"
