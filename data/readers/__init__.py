"""One reader per file format; nothing outside this folder knows a format.

``read_image`` and ``read_mask`` choose the reader by the file's content, whatever its name: a PNG
image that is called ``.dcm`` is a PNG image. Only where the content says nothing, as in JSRT's raw
images and damaged files, the name tells what is meant. What gzip has packed is read as what it is.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.readers.content import Content, content_of
from isnet_cxr.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from isnet_cxr.data.readers.dicom import read_dicom, read_dicom_labels
from isnet_cxr.data.readers.jsrt import SUFFIXES as JSRT_SUFFIXES
from isnet_cxr.data.readers.jsrt import read_jsrt_image
from isnet_cxr.data.readers.masks import lungs
from isnet_cxr.data.readers.nifti import SUFFIXES as NIFTI_SUFFIXES
from isnet_cxr.data.readers.nifti import read_nifti, read_nifti_labels
from isnet_cxr.data.readers.radiograph import Radiograph, UnreadableImage, checked, reading
from isnet_cxr.data.readers.raster import SUFFIXES as RASTER_SUFFIXES
from isnet_cxr.data.readers.raster import read_raster, read_raster_labels
from isnet_cxr.data.readers.unpacking import unpacked, unpacked_name

__all__ = [
    "IMAGE_SUFFIXES",
    "Radiograph",
    "UnreadableImage",
    "is_dicom",
    "is_image_file",
    "is_image_name",
    "may_be_image",
    "read_image",
    "read_mask",
]

IMAGE_SUFFIXES = (*RASTER_SUFFIXES, *DICOM_SUFFIXES, *NIFTI_SUFFIXES, *JSRT_SUFFIXES)


def is_image_name(name: str) -> bool:
    """Claim that a file of this name is meant to be an image."""
    return unpacked_name(name).endswith(IMAGE_SUFFIXES)


def is_image_file(path: Path) -> bool:
    """Claim that ``path`` is an image by its content, or meant to be one by its name."""
    try:
        return path.is_file() and may_be_image(path.name, content_of(path))
    except OSError:
        return is_image_name(path.name)


def may_be_image(name: str, content: Content) -> bool:
    """Claim that a file is an image by its content, or meant to be one by its name."""
    return content.is_image or (is_image_name(name) and not content.no_image)


def is_dicom(name: str, content: Content) -> bool:
    """Claim that a file is DICOM by its content, or, where that is no image, meant to be."""
    named = unpacked_name(name).endswith(DICOM_SUFFIXES)
    return content.kind == "dicom" or (named and not content.is_image)


def read_image(path: Path | str) -> Radiograph:
    """Read one radiograph, (1, H, W), upright, air dark and bone bright.

    Raises:
        UnreadableImage: If the file is missing or no readable image; one line, naming the file.
    """
    path = Path(path)
    with reading(path, "image"), unpacked(path) as plain:
        return checked(plain, _reader(path, plain)(plain))


def read_mask(path: Path | str, *, only: int | None = None) -> NDArray[np.uint8]:
    """Read a lung mask, as people store them: see ``masks.lungs``.

    Args:
        path: The file.
        only: The one grey value that is lung, where the publisher says so.

    Returns:
        uint8 (H, W) of 0 and 1, upright like the image it belongs to.

    Raises:
        UnreadableImage: If the file is missing, no readable DICOM, NIfTI, PNG, GIF, TIFF or
            JPEG image, or does not say what is lung and what is background.
    """
    path = Path(path)
    with reading(path, "mask"), unpacked(path) as plain:
        return lungs(plain, _label_reader(path, plain)(plain), only=only)


def _reader(path: Path, plain: Path) -> Callable[[Path], Radiograph]:
    readers: dict[str, Callable[[Path], Radiograph]] = {
        "dicom": read_dicom,
        "nifti": read_nifti,
        "jsrt": read_jsrt_image,
        "raster": read_raster,
    }
    return readers[_known_kind(path, plain)]


def _label_reader(path: Path, plain: Path) -> Callable[[Path], NDArray[Any]]:
    readers: dict[str, Callable[[Path], NDArray[Any]]] = {
        "dicom": read_dicom_labels,
        "nifti": read_nifti_labels,
    }
    return readers.get(_known_kind(path, plain), read_raster_labels)


def _known_kind(path: Path, plain: Path) -> str:
    content = content_of(plain)
    kind = _kind(path.name, content)
    if not kind:
        expected = "an image that is read" if content.kind == "foreign" else "an image"
        raise UnreadableImage(path, f"expected {expected}, got {content.no_image or content.words}")
    return kind


def _kind(name: str, content: Content) -> str:
    """Say which reader a file needs: by its content, else by its name, empty if none has one."""
    if content.is_image:
        return content.kind
    name = unpacked_name(name)
    if name.endswith(JSRT_SUFFIXES) and (content.kind == "unknown" or content.words == "text"):
        return "jsrt"
    if content.kind != "unknown":
        return ""
    named = (("dicom", DICOM_SUFFIXES), ("nifti", NIFTI_SUFFIXES))
    return next((kind for kind, suffixes in named if name.endswith(suffixes)), "raster")
