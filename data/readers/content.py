"""What a file is, by its first bytes: names lie, content does not.

A signature at a fixed place says what a file is. DICOM files without preamble have none: there the
first two data elements must follow each other as PS3.5 7.1 has it. What has no signature is text,
if it reads as such, or unknown; only then may a name say what is meant.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isnet_cxr.data.readers.dicom_class import is_directory, kind_without_image, sop_class
from isnet_cxr.data.readers.dicom_element import starts_with_elements

Kind = Literal[
    "dicom", "raster", "nifti", "zip", "gzip", "archive", "foreign", "other", "empty", "unknown"
]

DIRECTORY = "DICOMDIR: the files it names are found by themselves"
HEAD_BYTES = 2**14
"""How much of a file is looked at: SOP Class UIDs stand long before."""
PREAMBLE_BYTES = 128
RASTER_STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"II*\x00": "TIFF image",
    b"MM\x00*": "TIFF image",
    b"II+\x00": "TIFF image",
    b"MM\x00+": "TIFF image",
    b"GIF87a": "GIF image",
    b"GIF89a": "GIF image",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG 2000 image",
    b"\xff\x4f\xff\x51": "JPEG 2000 image",
}
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
GZIP_START = b"\x1f\x8b"
ARCHIVE_STARTS = {
    b"Rar!\x1a\x07": "RAR archive",
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"\xfd7zXZ\x00": "xz archive",
    b"\x28\xb5\x2f\xfd": "zstd archive",
}
FOREIGN_STARTS = {
    b"\x00\x00\x00\x0cJXL \r\n\x87\n": "JPEG XL image",
    b"\xff\x0a": "JPEG XL image",
    b"8BPS": "Photoshop image",
    b"v/1\x01": "OpenEXR image",
    b"NRRD000": "NRRD image",
    b"ObjectType = Image": "MetaImage",
}
"""Images that no reader knows: a person has to convert them."""
ISO_BRANDS = {
    b"heic": "HEIC image", b"heix": "HEIC image", b"mif1": "HEIC image", b"avif": "AVIF image",
}  # fmt: skip
NETPBM = re.compile(rb"P[1-7][ \t\r\n]+(?:#[^\n]*\n\s*)*[0-9W]")
OTHER_STARTS = {
    b"%PDF": "PDF document",
    b"\x7fELF": "program",
    b"MZ": "program",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "Office document",
    b"SQLite format 3\x00": "database",
    b"\x93NUMPY": "NumPy array",
    b"\x89HDF\r\n\x1a\n": "HDF5 file",
    b"PAR1": "Parquet table",
}
INT_BYTES = 4
BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
NIFTI_MAGICS = {348: (344, (b"n+1\x00", b"ni1\x00")), 540: (4, (b"n+2\x00", b"ni2\x00"))}
BZIP2_BLOCK = b"1AY&SY"
TAR_MAGIC, TAR_PLACE = b"ustar", 257
CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\v\b\x1b")


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        kind: Which reader it needs, or that none has one.
        words: The same for people, such as "PDF document".
        no_image: Why a file of this kind holds no image, such as a DICOM report; else empty.
    """

    kind: Kind
    words: str
    no_image: str = ""

    @property
    def is_image(self) -> bool:
        """Whether a reader knows this kind, and it holds an image."""
        return self.kind in ("dicom", "raster", "nifti") and not self.no_image


def content_of(path: Path) -> Content:
    """Look into a file; of a gzip file, at what is packed in it.

    Raises:
        OSError: If it cannot be opened.
    """
    with path.open("rb") as stream:
        return look_at(stream.read(HEAD_BYTES))


def look_at(head: bytes) -> Content:
    """Tell what a file is by its first ``HEAD_BYTES`` bytes, or all if it is shorter."""
    if head.startswith(GZIP_START):
        return _packed(head)
    return _plain(head)


def _packed(head: bytes) -> Content:
    inner = b""
    try:
        while head.startswith(GZIP_START) and len(inner) < HEAD_BYTES:  # one file in many members
            inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            inner += inflater.decompress(head, HEAD_BYTES)
            head = inflater.unused_data
    except zlib.error:
        if not inner:
            return Content("gzip", "damaged gzip file")
    content = _plain(inner)
    if inner.startswith(GZIP_START):
        return Content("archive", "gzip file in a gzip file")
    return Content(content.kind, f"gzipped {content.words}", content.no_image)


def _plain(head: bytes) -> Content:
    if not head:
        return Content("empty", "empty file")
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM" or starts_with_elements(head):
        return _dicom(head)
    if head.startswith(ZIP_STARTS):
        return Content("zip", "zip archive")
    return _by_start(head) or _by_structure(head)


def _by_start(head: bytes) -> Content | None:
    starts: tuple[tuple[Kind, dict[bytes, str]], ...] = (
        ("raster", RASTER_STARTS),
        ("archive", ARCHIVE_STARTS),
        ("foreign", FOREIGN_STARTS),
        ("other", OTHER_STARTS),
    )
    for kind, known in starts:
        for start, words in known.items():
            if head.startswith(start):
                return Content(kind, words)
    return None


def _dicom(head: bytes) -> Content:
    uid = sop_class(head)
    if is_directory(uid):
        return Content("dicom", "DICOMDIR", DIRECTORY)
    without = kind_without_image(uid)
    if without:
        return Content("dicom", "DICOM file", f"DICOM without pixel data ({without})")
    return Content("dicom", "DICOM file")


def _by_structure(head: bytes) -> Content:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Content("raster", "WebP image")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADER_SIZES:
        return Content("raster", "BMP image")
    if _is_nifti(head):
        return Content("nifti", "NIfTI image")
    if foreign := _foreign(head):
        return Content("foreign", foreign)
    if archive := _archive(head):
        return Content("archive", archive)
    return Content("other", "text") if _is_text(head) else Content("unknown", "unknown content")


def _archive(head: bytes) -> str:
    if head[TAR_PLACE : TAR_PLACE + len(TAR_MAGIC)] == TAR_MAGIC:
        return "tar archive"
    return "bzip2 archive" if head[:3] == b"BZh" and head[4:10] == BZIP2_BLOCK else ""


def _foreign(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return ISO_BRANDS.get(head[8:12], "")
    return "PNM image" if NETPBM.match(head) else ""


def _is_nifti(head: bytes) -> bool:
    for order in "<>":
        if len(head) >= INT_BYTES:
            place, magics = NIFTI_MAGICS.get(
                struct.unpack(f"{order}i", head[:INT_BYTES])[0], (0, ())
            )
            if head[place : place + 4] in magics:
                return True
    return False


def _is_text(head: bytes) -> bool:
    """Claim that bytes are text: UTF-16 with its mark, or any other without control characters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not CONTROL.intersection(head)
