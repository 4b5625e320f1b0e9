"""DICOM: single-frame grey radiographs (CR, DX, secondary captures) of every transfer syntax.

Values pass the stages of PS3.3 C.11: modality LUT or rescale, then VOI LUT or window (the first of
several; linear, linear exact or sigmoid), then presentation: MONOCHROME1 or a presentation LUT
shape INVERSE is inverted once. Without a usable window, 8-bit images stand as they are and deeper
ones are mapped by percentiles. Padding is black and counts for nothing.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from data.readers.film import Film, Spacing, UnreadableImage, check_size, usable_spacing
from data.readers.voi import modality_values, voi_grey

SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
SPACINGS = (
    ("PixelSpacing", "spacing in the patient"),
    ("ImagerPixelSpacing", "spacing at the detector"),
    ("NominalScannedPixelSpacing", "spacing on the scanned film"),
)
VIEWS = {"PA": "PA", "AP": "AP", "LL": "lateral", "RL": "lateral", "LAT": "lateral"}
GREY_TOLERANCE = 8
"""Largest difference between red, green and blue, of 255, that lossy compression makes of grey."""


def has_dicom_preamble(path: Path) -> bool:
    """Claim that the file has the mark DICM after 128 bytes; some archives leave it out."""
    try:
        with path.open("rb") as stream:
            stream.seek(128)
            return stream.read(4) == b"DICM"
    except OSError:
        return False


def read_dicom(path: Path) -> Film:
    """Read one image.

    Raises:
        UnreadableImage: If the file is missing, damaged, not DICOM, without pixel data, in colour,
            of several frames or too large.
    """
    try:
        with warnings.catch_warnings():
            # pydicom's warnings quote header values, which may name a patient.
            warnings.simplefilter("ignore")
            dataset = _read_dataset(path)
            stored, colour_step = _decode(path, dataset)
            return _film(dataset, stored, colour_step)
    except UnreadableImage:
        raise
    except Exception as error:  # headers and decoders fail in any way: RuntimeError, struct.error
        raise UnreadableImage(path, f"damaged DICOM file ({type(error).__name__})") from None


def _read_dataset(path: Path) -> Dataset:
    try:
        dataset = pydicom.dcmread(path, force=True)
    except FileNotFoundError:
        raise UnreadableImage(path, "no such file") from None
    except (InvalidDicomError, EOFError):
        raise UnreadableImage(path, "not a DICOM file") from None
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise UnreadableImage(path, "not a DICOM file, or cut off in its header")
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        raise UnreadableImage(path, "DICOM file without pixel data")
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _native_syntax(dataset)
    return dataset


def _native_syntax(dataset: Dataset) -> UID:
    """Return the transfer syntax that the file was found to be written in."""
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return UID(ImplicitVRLittleEndian)
    return UID(ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian)


def _decode(path: Path, dataset: Dataset) -> tuple[NDArray[Any], str]:
    """Return the stored values (H, W) and what was done with colour, if anything."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise UnreadableImage(path, f"{frames} frames in one file; one is read")
    check_size(path, height=int(dataset.get("Rows") or 0), width=int(dataset.get("Columns") or 0))
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if photometric == "PALETTE COLOR":
        raise UnreadableImage(path, "colour image (PALETTE COLOR); grey is read")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        stored = np.asarray(pixel_array(dataset))
    except Exception as error:  # each decoder fails in its own way
        raise UnreadableImage(
            path, f"pixel data cannot be decoded ({syntax.name}, {type(error).__name__})"
        ) from None
    if int(dataset.get("SamplesPerPixel") or 1) == 1:
        return stored, ""
    channels = stored.astype(np.int32)
    if np.ptp(channels, axis=-1).max() > GREY_TOLERANCE:
        raise UnreadableImage(path, f"colour image ({photometric}) that is no copy of a grey one")
    return np.round(channels.mean(axis=-1)).astype(stored.dtype), "grey from equal colours"


def _film(dataset: Dataset, stored: NDArray[Any], colour_step: str) -> Film:
    padding = _padding(dataset, stored)
    values, modality_step = modality_values(dataset, stored)
    grey, voi_step = voi_grey(dataset, values, padding=padding)
    inverted = _is_inverted(dataset)
    grey = np.float32(1) - grey if inverted else grey
    if padding is not None:
        grey = np.where(padding, np.float32(0), grey)
    spacing, spacing_step = _spacing(dataset)
    steps = (
        f"DICOM {dataset.file_meta.TransferSyntaxUID.name}",
        colour_step,
        modality_step,
        voi_step,
        "inverted" if inverted else "",
        "padding set to black" if padding is not None else "",
        spacing_step,
    )
    return Film(
        pixels=np.ascontiguousarray(grey, dtype=np.float32)[np.newaxis],
        spacing_mm=spacing,
        view=VIEWS.get(str(dataset.get("ViewPosition") or "").strip().upper(), ""),
        steps=tuple(step for step in steps if step),
        patient=str(dataset.get("PatientID") or "").strip() or None,
    )


def _is_inverted(dataset: Dataset) -> bool:
    """Claim that low values are bright; DX files say so twice, which is one inversion."""
    return bool(
        dataset.get("PhotometricInterpretation") == "MONOCHROME1"
        or dataset.get("PresentationLUTShape") == "INVERSE"
    )


def _padding(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return True where pixels are padding (PS3.3 C.7.5.1.1.2), or None when none is."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    padding: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return padding if padding.any() and not padding.all() else None


def _spacing(dataset: Dataset) -> tuple[Spacing | None, str]:
    for keyword, step in SPACINGS:
        try:
            row, column = (float(value) for value in dataset.get(keyword) or ())
        except (TypeError, ValueError):  # absent, of another length, or not a number
            continue
        spacing = usable_spacing(row, column)
        if spacing is not None:
            return spacing, step
    return None, ""
