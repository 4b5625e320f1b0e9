"""Whether a DICOM object can hold an image at all, by its SOP class.

Reports, presentation states, plans and waveforms lie beside images in every export, and are no
failures. An object of an image's class that lacks its pixels is one, and so is one of a class that
nobody knows: both go to the reader, which says what is missing.
"""

import io
import warnings

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import UID, MediaStorageDirectoryStorage

FILE_META_GROUP = 2
WITH_PIXELS = ("Image", "RT Dose", "Segmentation", "Parametric Map", "Volume Rendering")
"""Words in the names of storage classes that have pixel data."""
SHORT_NAMES = {
    " SR": "report",
    "Report": "report",
    "Presentation State": "presentation state",
    "Document": "document",
    "Encapsulated": "document",
    "Waveform": "waveform",
}


def sop_class(head: bytes) -> UID:
    """Return the SOP Class UID of a DICOM file, empty if its first bytes do not tell it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the header
        try:
            return UID(str(_of_file(head) or _of_data_set(head) or ""))
        except Exception:  # a header damaged in any way: the reader will tell
            return UID("")


def is_directory(uid: UID) -> bool:
    """Claim that objects of a class are directories of others."""
    return str(uid) == str(MediaStorageDirectoryStorage)


def kind_without_image(uid: UID) -> str:
    """Say what objects of a class are if they have no pixel data; else nothing."""
    name = uid.name if uid and not uid.is_private else ""
    if not name or name == uid or any(word in name for word in WITH_PIXELS):
        return ""
    return next((short for word, short in SHORT_NAMES.items() if word in name), "no image class")


def _of_file(head: bytes) -> object:
    stream = io.BytesIO(head)
    if read_preamble(stream, force=True) is None:
        return None
    meta: Dataset = read_dataset(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=_is_after_file_meta
    )
    return meta.get("MediaStorageSOPClassUID")


def _of_data_set(head: bytes) -> object:
    stream = io.BytesIO(head)
    found = dcmread(stream, force=True, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    return found.get("SOPClassUID")


def _is_after_file_meta(tag: BaseTag, _representation: str | None, _length: int) -> bool:
    return bool(tag.group != FILE_META_GROUP)
