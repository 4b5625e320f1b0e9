"""Objects as files, under names that hold nothing of a patient."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from highdicom import SOPClass
from pydicom.errors import InvalidDicomError

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.pacs.identity import MANUFACTURER
from isnet_cxr.data.pacs.source import refusing
from isnet_cxr.data.writers.atomic import replacing

SUFFIX = ".dcm"
DIGEST_BYTES = 6


@dataclass(frozen=True)
class Stored:
    """An object in a file.

    Attributes:
        path: The file.
        sop_uid: Its number.
        sop_class: Its kind.
        syntax: Its transfer syntax.
        sha256: Of the file.
    """

    path: Path
    sop_uid: str
    sop_class: str
    syntax: str
    sha256: str


def object_name(image_id: str, kind: str, sop_uid: str) -> str:
    """Return an object's file name: of the image's pixels, its own number and its kind."""
    digest = hashlib.blake2b(sop_uid.encode(), digest_size=DIGEST_BYTES).hexdigest()
    return f"{image_id}-{digest}-{kind}{SUFFIX}"


def encoded(dataset: SOPClass) -> bytes:
    """Return an object as the bytes of its file.

    Raises:
        NoObjectError: If something that it took over cannot be written.
    """
    stream = BytesIO()
    with refusing("it cannot be written"):
        dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_object(content: bytes, path: Path) -> None:
    """Write an object; one that is there already is the same, and keeps the time of its making."""
    if path.exists():
        return
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def stored_objects(folder: Path) -> Iterator[Stored | Path]:
    """Yield the results in a folder and those below it, and the path of each other ``.dcm`` file.

    Raises:
        InputError: If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        if path.is_file():
            yield _stored(path) or path


def _stored(path: Path) -> Stored | None:
    """Look at a file; None if it is no result of this software."""
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Manufacturer"])
    except (InvalidDicomError, OSError, EOFError, ValueError):
        return None
    if header.get("Manufacturer") != MANUFACTURER:
        return None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    meta = header.file_meta
    return Stored(
        path,
        sop_uid=str(meta.MediaStorageSOPInstanceUID),
        sop_class=str(meta.MediaStorageSOPClassUID),
        syntax=str(meta.TransferSyntaxUID),
        sha256=digest,
    )
