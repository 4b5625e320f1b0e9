"""DICOM: single-frame grey radiographs (CR, DX, secondary captures) of every transfer syntax.

Values pass the stages of PS3.3 C.11: modality LUT or rescale, then VOI LUT or window (the first of
several; linear, linear exact or sigmoid), then presentation: MONOCHROME1 or a presentation LUT
shape INVERSE is inverted once. Without a usable window, 8-bit images stand as they are and deeper
ones are mapped by percentiles. Padding is black and counts for nothing. Colour images,
palettes among them, are copies of grey ones and pass none of these stages. Rows and columns stay as
they are stored, which is how viewers show radiographs; a header that calls that mirrored is noted.

No text of a header leaves this file: attributes are compared with known values, never quoted. What
an archive finds the image by is ``origin``'s.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from isnet_cxr.data.readers.deflated import check_inflated_size
from isnet_cxr.data.readers.dicom_pixels import Stored, stored_values, syntax_name, used_bits
from isnet_cxr.data.readers.groups import apply_functional_groups
from isnet_cxr.data.readers.header import read_header
from isnet_cxr.data.readers.origin import read_origin
from isnet_cxr.data.readers.padding import padding_pixels
from isnet_cxr.data.readers.radiograph import (
    Radiograph,
    Spacing,
    UnreadableImage,
    reading,
    usable_spacing,
)
from isnet_cxr.data.readers.voi import modality_values, voi_grey

SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
SPACINGS = (
    ("PixelSpacing", "spacing in the patient"),
    ("ImagerPixelSpacing", "spacing at the detector"),
    ("NominalScannedPixelSpacing", "spacing on the scanned image"),
)
VIEWS = {"PA": "PA", "AP": "AP"} | dict.fromkeys(("LL", "RL", "LAT", "LATERAL"), "lateral")
# PS3.16 CID 4010, in SNOMED CT and in the older SNOMED RT.
VIEW_CODES = {
    **dict.fromkeys(("272479007", "R-10214", "R-40888"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399067008", "399173006", "399198007"), "lateral"),
    **dict.fromkeys(("R-102CD", "R-10236", "R-10232"), "lateral"),
}
LATERALITIES = ("ImageLaterality", "FrameLaterality", "Laterality")
SHAPE_WARNING = "warning: photometric interpretation and presentation LUT shape contradict"
GREY_ONLY = ("WindowCenter", "VOILUTSequence", "RescaleSlope", "ModalityLUTSequence")
SIDES = {side: side for side in "LRB"}

# pydicom logs what it warns of, and both quote header values, which may name a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


def read_dicom(path: Path) -> Radiograph:
    """Read one image.

    Raises:
        UnreadableImage: If the file is missing, damaged, not DICOM, without pixel data, in colour,
            of several frames, too large, or in a transfer syntax without decoder.
    """
    with reading(path, "DICOM file"):
        dataset = _read_dataset(path)
        return _image(dataset, stored_values(path, dataset))


def read_dicom_labels(path: Path) -> NDArray[Any]:
    """Return the stored values, (H, W), for masks: no LUT or window, but 0 is what is shown black.

    Raises:
        UnreadableImage: As ``read_dicom``.
    """
    with reading(path, "DICOM file"):
        dataset = _read_dataset(path)
        stored = stored_values(path, dataset, fewest_bits=1)
        if stored.colour:
            return stored.values
        labels = used_bits(dataset, stored.values)
        return 2 ** int(dataset.BitsStored) - 1 - labels if _is_inverted(dataset) else labels


def _read_dataset(path: Path) -> Dataset:
    check_inflated_size(path)
    dataset = pydicom.dcmread(path, force=True)
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise UnreadableImage(path, "not a DICOM file, or cut off in its header")
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        raise UnreadableImage(path, "DICOM file without pixel data")
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _native_syntax(dataset)
    apply_functional_groups(path, dataset)
    return dataset


def _native_syntax(dataset: Dataset) -> UID:
    """Return the transfer syntax that the file was found to be written in."""
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return UID(ImplicitVRLittleEndian)
    return UID(ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian)


class _Grey(NamedTuple):
    values: NDArray[np.float32]
    steps: tuple[str, ...]


def _monochrome(dataset: Dataset, stored: NDArray[Any]) -> _Grey:
    """Pass stored values through the stages of PS3.3 C.11, which are for grey images alone."""
    used = used_bits(dataset, stored)
    padding = padding_pixels(dataset, stored, used)
    values, modality_step = modality_values(dataset, used)
    grey, voi_step = voi_grey(dataset, values, padding=padding)
    inverted = _is_inverted(dataset)
    grey = np.float32(1) - grey if inverted else grey
    if padding is not None:
        grey = np.where(padding, np.float32(0), grey)
    return _Grey(
        grey,
        (
            modality_step,
            voi_step,
            "inverted" if inverted else "",
            "padding set to black" if padding is not None else "",
            SHAPE_WARNING if _shape_contradicts(dataset) else "",
        ),
    )


def _colour(dataset: Dataset, stored: Stored) -> _Grey:
    """Leave a colour image as it stands: it has no window, though a converter may have left one."""
    left = [keyword for keyword in GREY_ONLY if dataset.get(keyword) is not None]
    return _Grey(stored.values, (stored.colour, "window ignored: in colour" if left else ""))


def _image(dataset: Dataset, stored: Stored) -> Radiograph:
    grey = _colour(dataset, stored) if stored.colour else _monochrome(dataset, stored.values)
    spacing = _spacing(dataset)
    laterality = next(
        (side for keyword in LATERALITIES if (side := _known(dataset, keyword, SIDES))), ""
    )
    steps = (
        f"DICOM {syntax_name(dataset.file_meta.TransferSyntaxUID)}",
        *grey.steps,
        *stored.notes,
        spacing.step,
        f"laterality {laterality}" if laterality else "",
        *_warnings(dataset),
    )
    view = _view(dataset)
    return Radiograph(
        pixels=np.ascontiguousarray(grey.values, dtype=np.float32)[np.newaxis],
        spacing_mm=spacing.value,
        view=view,
        laterality=laterality,
        header=read_header(dataset, view=view, laterality=laterality),
        steps=tuple(step for step in steps if step),
        patient=str(dataset.get("PatientID") or "").strip() or None,
        origin=read_origin(dataset),
    )


def _warnings(dataset: Dataset) -> list[str]:
    """List what a person should know before trusting the image."""
    found = []
    if _known(dataset, "BurnedInAnnotation", {"YES": "yes"}):
        found.append("warning: burnt-in annotation, which may name the patient")
    orientation = dataset.get("PatientOrientation")
    across, down = orientation if np.size(orientation) == len(("row", "column")) else ("", "")
    if str(across)[:1] == "R" or str(down)[:1] == "H":
        found.append("warning: stored mirrored or upside down, says the patient orientation")
    return found


def _known(dataset: Dataset, keyword: str, values: Mapping[str, str]) -> str:
    """Return what the attribute's value stands for, or nothing if it is not among ``values``."""
    return values.get(str(dataset.get(keyword) or "").strip().upper(), "")


def _view(dataset: Dataset) -> str:
    view = _known(dataset, "ViewPosition", VIEWS)
    for item in dataset.get("ViewCodeSequence") or ():
        view = view or _known(item, "CodeValue", VIEW_CODES)
    return view


def _is_inverted(dataset: Dataset) -> bool:
    """Claim that low values are bright; DX files say so twice, which is one inversion."""
    return bool(
        dataset.get("PhotometricInterpretation") == "MONOCHROME1"
        or dataset.get("PresentationLUTShape") == "INVERSE"
    )


def _shape_contradicts(dataset: Dataset) -> bool:
    """Claim that photometric interpretation and presentation LUT shape say opposite things."""
    shape = dataset.get("PresentationLUTShape")
    agreeing = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
    expected = agreeing.get(str(dataset.get("PhotometricInterpretation")), shape)
    return shape in ("IDENTITY", "INVERSE") and shape != expected


class _Spacing(NamedTuple):
    value: Spacing | None
    step: str


def _spacing(dataset: Dataset) -> _Spacing:
    for keyword, step in SPACINGS:
        try:
            row, column = (float(value) for value in dataset.get(keyword) or ())
        except (TypeError, ValueError):  # absent, of another length, or not a number
            continue
        spacing = usable_spacing(row, column)
        if spacing is not None:
            return _Spacing(spacing, step)
    return _Spacing(None, "")
