"""One reader per file format; nothing outside this folder knows a format.

``read_image`` and ``read_mask`` choose the reader by the file's name, and by its first bytes where
the name says nothing, as with files sent by a PACS.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from isnet_cxr.data.readers.dicom import has_dicom_preamble, read_dicom, read_dicom_labels
from isnet_cxr.data.readers.jsrt import SUFFIXES as JSRT_SUFFIXES
from isnet_cxr.data.readers.jsrt import read_jsrt_image
from isnet_cxr.data.readers.masks import lungs
from isnet_cxr.data.readers.nifti import SUFFIXES as NIFTI_SUFFIXES
from isnet_cxr.data.readers.nifti import read_nifti, read_nifti_labels
from isnet_cxr.data.readers.radiograph import Radiograph, UnreadableImage, checked, reading
from isnet_cxr.data.readers.raster import SUFFIXES as RASTER_SUFFIXES
from isnet_cxr.data.readers.raster import read_raster, read_raster_labels

__all__ = [
    "IMAGE_SUFFIXES",
    "Radiograph",
    "UnreadableImage",
    "is_dicom_file",
    "is_image_file",
    "read_image",
    "read_mask",
]

IMAGE_SUFFIXES = (*RASTER_SUFFIXES, *DICOM_SUFFIXES, *NIFTI_SUFFIXES, *JSRT_SUFFIXES)


def is_image_file(path: Path) -> bool:
    """Claim that ``path`` is meant to be an image: by its suffix, or by a DICOM preamble."""
    if not path.is_file() or path.name == "DICOMDIR":
        return False
    return path.name.lower().endswith(IMAGE_SUFFIXES) or has_dicom_preamble(path)


def is_dicom_file(path: Path) -> bool:
    """Claim that ``path`` is meant to be a DICOM image: by its suffix, or by its preamble."""
    return is_image_file(path) and _is_dicom(path)


def read_image(path: Path | str) -> Radiograph:
    """Read one radiograph, (1, H, W), upright, air dark and bone bright.

    Raises:
        UnreadableImage: If the file is missing or no readable image; one line, naming the file.
    """
    path = Path(path)
    with reading(path, "image"):
        return checked(path, _reader(path)(path))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a lung mask, as people store them: see ``masks.lungs``.

    Returns:
        uint8 (H, W) of 0 and 1, upright like the image it belongs to.

    Raises:
        UnreadableImage: If the file is missing, no readable DICOM, NIfTI, PNG, GIF, TIFF or
            JPEG image, or does not say what is lung and what is background.
    """
    with reading(path, "mask"):
        return lungs(path, _read_labels(path))


def _reader(path: Path) -> Callable[[Path], Radiograph]:
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES):
        return read_nifti
    if name.endswith(JSRT_SUFFIXES):
        return read_jsrt_image
    return read_dicom if _is_dicom(path) else read_raster


def _is_dicom(path: Path) -> bool:
    return path.name.lower().endswith(DICOM_SUFFIXES) or has_dicom_preamble(path)


def _read_labels(path: Path) -> NDArray[Any]:
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        return read_nifti_labels(path)
    return read_dicom_labels(path) if _is_dicom(path) else read_raster_labels(path)
