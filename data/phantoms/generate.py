"""A hospital's images, written as image files with exact masks and a manifest."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.boxes import Box, boxes_text
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.manifests.records import image_id, patient_key
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.phantoms.anatomy import Placement, draw_anatomy, make_grid
from isnet_cxr.data.phantoms.disease import draw_disease
from isnet_cxr.data.phantoms.dress import Look, dress_image
from isnet_cxr.data.phantoms.findings import find_patches, place_patches
from isnet_cxr.data.phantoms.hospitals import Hospital, Range
from isnet_cxr.data.phantoms.rendering import Exposure, add_disease, build_chest, expose
from isnet_cxr.data.readers import read_image
from isnet_cxr.data.writers import write_dicom, write_mask, write_nifti, write_png

Suffix = Literal["dicom", "png", "nifti", "mixed"]
_ENDINGS = {"dicom": ".dcm", "png": ".png", "nifti": ".nii.gz"}
_IMAGES_PER_PATIENTS = (5, 4)  # every fourth patient has two images


@dataclass(frozen=True)
class Phantom:
    """One generated image.

    Attributes:
        pixels: Air dark, bone bright, float32 (1, H, W) in [0, 1].
        mask: 1 in the lung fields, 0 outside, uint8 (H, W).
        spacing_mm: Side of the square pixels.
        boxes: Around the disease, in parts of the image's width and height.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.uint8]
    spacing_mm: float
    boxes: tuple[Box, ...] = ()


def make_phantom(
    hospital: Hospital, label: str, index: int, *, seed: int, look: Look | None = None
) -> Phantom:
    """Generate one image; the same arguments give the same image, whatever else is generated.

    Args:
        hospital: Who takes it.
        label: What the patient has.
        index: Number of the image among the hospital's images with this label.
        seed: Seed of the hospital.
        look: Marks, border and pads, or None to draw one of the hospital's own for ``label``.

    Raises:
        InputError: If the hospital has no patients with ``label``.
    """
    if label not in hospital.looks:
        raise InputError(
            f"hospital {hospital.name}: label must be one of {', '.join(hospital.looks)}, "
            f"got {label!r}"
        )
    person = _generator("patient", hospital, label, _patient_of(index), seed)
    rng = _generator("image", hospital, label, index, seed)
    anatomy = draw_anatomy(person)
    chest = build_chest(anatomy, make_grid(_place(hospital, rng)))
    fluid = draw_disease(label, chest.grid, chest.lungs, person)
    attenuation = add_disease(chest, hospital.severity * fluid)
    spacing = chest.grid.placement.spacing_mm
    image = expose(attenuation, _expose(hospital, rng), spacing_mm=spacing, rng=rng)
    looks = hospital.looks[label]
    drawn = looks[rng.integers(len(looks))]
    lungs = chest.lungs.mask
    image, mask = dress_image(image, lungs, look or drawn, spacing_mm=spacing, rng=rng)
    patches = find_patches(fluid, spacing_mm=spacing)
    boxes = place_patches(patches, before=lungs, after=mask)
    return Phantom(image[np.newaxis], mask.astype(np.uint8), spacing, boxes)


def make_hospital(
    hospital: Hospital,
    out: Path,
    *,
    counts: Mapping[str, int],
    seed: int,
    suffix: Suffix = "mixed",
    workers: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Write a hospital's images to ``out/images`` and their exact masks to ``out/masks``.

    Args:
        hospital: One of ``HOSPITALS``, or a new one.
        out: Folder, made if missing.
        counts: Number of images for each label. Every fourth patient has two.
        seed: The same seed writes the same bytes.
        suffix: File format; ``mixed`` takes DICOM, PNG and NIfTI in turn.
        workers: Processes that generate.
        progress: Show a bar on standard error, if that is a terminal.

    Returns:
        The manifest, absolute paths, the hospital's name as dataset and site.

    Raises:
        InputError: If a label is not the hospital's, a count is negative or the suffix unknown.
    """
    if suffix not in get_args(Suffix):
        raise InputError(f"suffix must be one of {', '.join(get_args(Suffix))}, got {suffix!r}")
    for label, count in counts.items():
        if label not in hospital.looks or count < 0:
            raise InputError(
                f"hospital {hospital.name}: counts must give 0 or more images for "
                f"{', '.join(hospital.looks)}, got {label!r}: {count}"
            )
    images = [(label, index) for label, count in counts.items() for index in range(count)]
    write = partial(_write_phantom, hospital, out.absolute(), seed, suffix)
    rows = list(map_items(write, images, workers=workers, title=hospital.name, progress=progress))
    return validate(pd.DataFrame(rows), source=hospital.name)


def _write_phantom(
    hospital: Hospital, out: Path, seed: int, suffix: Suffix, image: tuple[str, int]
) -> dict[str, Any]:
    """Generate and write one image with its mask, and read it back: its row of the manifest."""
    label, index = image
    kind = ("dicom", "png", "nifti")[index % 3] if suffix == "mixed" else suffix
    phantom = make_phantom(hospital, label, index, seed=seed)
    name = f"{hospital.name}-{label}-{index:04d}"
    path, mask = out / "images" / f"{name}{_ENDINGS[kind]}", out / "masks" / f"{name}.png"
    patient = f"phantom-{label}-{_patient_of(index)}"
    _write_image(phantom, path, kind=kind, view=hospital.view, patient=patient)
    write_mask(phantom.mask, mask)
    read = read_image(path)
    spacing = read.spacing_mm or (math.nan, math.nan)
    return {
        "image_id": image_id(read.pixels),
        "path": str(path),
        "dataset": hospital.name,
        "site": hospital.name,
        "patient_id": patient_key(hospital.name, patient),
        "label": label,
        "view": hospital.view,
        "height_px": read.pixels.shape[1],
        "width_px": read.pixels.shape[2],
        "spacing_row_mm": spacing[0],
        "spacing_col_mm": spacing[1],
        "lung_mask": str(mask),
        "mask_source": "reference",
        "mask_quality": "good",
        "reading": "; ".join(read.steps),
        "boxes": boxes_text(phantom.boxes),
    }


def _write_image(phantom: Phantom, path: Path, *, kind: str, view: str, patient: str) -> None:
    """Write the image in the format ``kind``; a PNG says nothing but the pixels."""
    spacing = (phantom.spacing_mm, phantom.spacing_mm)
    if kind == "dicom":
        write_dicom(phantom.pixels, path, spacing, view=view, patient_id=patient)
    elif kind == "nifti":
        write_nifti(phantom.pixels, path, spacing)
    else:
        write_png(phantom.pixels, path)


def _patient_of(index: int) -> int:
    """Number of the patient whom the image shows."""
    images, patients = _IMAGES_PER_PATIENTS
    return index * patients // images


def _generator(
    purpose: str, hospital: Hospital, label: str, number: int, seed: int
) -> np.random.Generator:
    """Return the random numbers of one patient or image, independent of all others."""
    key = zlib.crc32("\0".join((purpose, hospital.name, label)).encode())
    return np.random.default_rng([seed, key, number])


def _place(hospital: Hospital, rng: np.random.Generator) -> Placement:
    """Put the patient before the image, wholly visible lungs."""
    spacing = round(rng.uniform(*hospital.spacing_mm), 3)
    shift = hospital.shift_mm
    return Placement(
        height_px=round(rng.uniform(*hospital.height_mm) / spacing),
        width_px=round(rng.uniform(*hospital.width_mm) / spacing),
        spacing_mm=spacing,
        rotation_deg=float(np.clip(rng.normal(0, 0.6), -1, 1)) * hospital.rotation_deg,
        centre_mm=(rng.uniform(-shift, shift), 8 + rng.uniform(-shift, shift)),
    )


def _expose(hospital: Hospital, rng: np.random.Generator) -> Exposure:
    """Draw how one image is exposed."""

    def draw(limits: Range) -> float:
        return float(rng.uniform(*limits))

    tilt = hospital.tilt_cm
    return Exposure(
        centre_cm=draw(hospital.centre_cm),
        latitude_cm=draw(hospital.latitude_cm),
        noise=draw(hospital.noise),
        blur_mm=draw(hospital.blur_mm),
        scatter=draw(hospital.scatter),
        tilt=(draw((-tilt, tilt)), draw((-tilt, tilt))),
    )
