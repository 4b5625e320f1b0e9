"""What a result takes over from the image it is of: patient, study, and what it refers to.

The header of a source holds patient data. It goes into the objects that go back to the archive it
came from, and nowhere else.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from highdicom import SOPClass
from pydicom.config import RAISE
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.readers.content import content_of
from isnet_cxr.data.readers.deflated import check_inflated_size
from isnet_cxr.data.readers.radiograph import UnreadableImage

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
    "StudyDate", "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes of patient and study that every object has, empty where nothing is known."""
LONGEST_UID = 64
PAIR = 2
SIDES = ("L", "R")
ORIENTATION = re.compile(r"[LRAPHF]{1,3}")


class NoObjectError(InputError):
    """No object can be made of this image; the reason quotes nothing of it."""


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """Turn whatever goes wrong with a header into one reason that quotes nothing of it.

    Raises:
        NoObjectError: If the block raises any error.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NoObjectError:
        raise
    except UnreadableImage as error:
        raise NoObjectError(error.reason) from None
    except Exception as error:  # headers fail in any way
        raise NoObjectError(f"{reason} ({type(error).__name__})") from None


@dataclass(frozen=True)
class Source:
    """The image that results are of.

    Attributes:
        header: Its file without the pixels, and without what is malformed and optional.
        reference: What an object needs to refer to it, without a word of the patient's.
    """

    header: Dataset = field(repr=False)
    reference: Dataset = field(repr=False)

    @property
    def orientation(self) -> list[str] | str:
        """Where its rows and columns run to in the patient; empty where that is not known."""
        return _orientation(self.header)

    @property
    def side(self) -> str:
        """L or R where its series is of one side of the body, else empty."""
        side = str(self.header.get("Laterality") or "").strip()
        return side if side in SIDES else ""

    @property
    def sop_uid(self) -> str:
        """The image's own number."""
        return str(self.reference.SOPInstanceUID)

    def take_over(self, dataset: SOPClass) -> None:
        """Give an object the patient and the study of the image, word for word.

        Raises:
            NoObjectError: If they cannot be taken over.
        """
        with refusing("patient and study in its header cannot be taken over"):
            if self.header.get("SpecificCharacterSet"):
                dataset.SpecificCharacterSet = self.header.SpecificCharacterSet
            dataset.copy_patient_and_study_information(self.header)

    def digest(self) -> str:
        """Return a digest of what is taken over: another one where a header was corrected."""
        taken = pydicom.Dataset()
        for keyword in ("SpecificCharacterSet", *EMPTY, *UIDS):
            taken.add_new(keyword, "UT", str(self.header.get(keyword, "")))
        return hashlib.sha256(taken.to_json().encode()).hexdigest()


def read_source(path: Path) -> Source:
    """Read the header of a DICOM image.

    Raises:
        NoObjectError: If it is none, or does not say which image of which study it is.
    """
    if content_of(path).kind != "dicom":
        raise NoObjectError("not from a DICOM file")
    with refusing("its header cannot be read again"):
        check_inflated_size(path)
        header = _sound(pydicom.dcmread(path, force=True, stop_before_pixels=True))
        reference = _reference(header)
    return Source(header, reference)


def _reference(header: Dataset) -> Dataset:
    reference = Dataset()
    for keyword in UIDS:
        setattr(reference, keyword, _uid(header, keyword))
    if reference.SOPClassUID.is_private or reference.SOPClassUID.type != "SOP Class":
        raise NoObjectError("SOP Class UID that the standard does not list")
    for keyword in EMPTY:
        setattr(reference, keyword, "")
    reference.Modality = "DX" if header.get("Modality") == "DX" else "CR"
    reference.Rows, reference.Columns = int(header.Rows), int(header.Columns)
    if header.get("FrameOfReferenceUID"):
        reference.FrameOfReferenceUID = _uid(header, "FrameOfReferenceUID")
    spacing = numbers(header, "PixelSpacing")
    if spacing is not None:
        reference.PixelSpacing = spacing
    _note_loss(header, reference)
    return reference


def _sound(header: Dataset) -> Dataset:
    """Return a header without optional attributes that are malformed, as an age of "62".

    Raises:
        ValueError, TypeError: If an attribute cannot be read that no object can do without.
    """
    sound = Dataset()
    needed = {tag_for_keyword(keyword) for keyword in (*EMPTY, *UIDS)}
    tags = list(header.keys())
    for tag in tags:
        try:
            element = header[tag]
            if tag not in needed:
                _check(element)
        except (ValueError, TypeError):
            if tag in needed:
                raise
            continue
        sound.add(element)
    return sound


def _check(element: DataElement) -> None:
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    for value in values if element.VR != "SQ" else ():
        validate_value(element.VR, getattr(value, "original_string", value), RAISE)


def _orientation(header: Dataset) -> list[str] | str:
    """Return where rows and columns run to in the patient, or nothing if that is not known."""
    value = header.get("PatientOrientation")
    parts = [str(one).strip() for one in value] if isinstance(value, MultiValue) else []
    known = len(parts) == PAIR and all(ORIENTATION.fullmatch(one) for one in parts)
    return parts if known else ""


def numbers(header: Dataset, keyword: str) -> list[float] | None:
    """Return a pair of positive numbers, or None where there is none."""
    value: Any = header.get(keyword)
    try:
        pair = [float(one) for one in value]
    except (TypeError, ValueError):
        return None
    return pair if len(pair) == PAIR and min(pair) > 0 else None


def _note_loss(header: Dataset, reference: Dataset) -> None:
    """Say of a lossy image that it is one: what is made of it says so too."""
    if header.get("LossyImageCompression") == "01":
        reference.LossyImageCompression = "01"
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if header.get(keyword):
                reference[keyword] = header[keyword]


def _uid(header: Dataset, keyword: str) -> UID:
    uid = UID(str(header.get(keyword) or "").strip())
    if not uid.is_valid or len(uid) > LONGEST_UID:
        raise NoObjectError(f"no valid {dictionary_description(keyword)}")
    return uid
