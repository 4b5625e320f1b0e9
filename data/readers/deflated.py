"""Deflated DICOM files, which are the only ones that grow while they are read."""

import zlib
from pathlib import Path
from typing import BinaryIO

from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from isnet_cxr.data.readers.radiograph import MAX_FILE_BYTES, UnreadableImage

FILE_META_GROUP = 2
CHUNK_BYTES = 2**20


def check_inflated_size(path: Path) -> None:
    """Refuse a deflated file that inflates to more than is read of any file.

    Files of other transfer syntaxes, and those without file meta information, pass.

    Raises:
        UnreadableImage: If the file is a bomb.
    """
    with path.open("rb") as stream:
        if read_preamble(stream, force=True) is None:
            return
        meta = read_dataset(
            stream, is_implicit_VR=False, is_little_endian=True, stop_when=_is_after_file_meta
        )
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        if not _inflates_within_limit(stream):
            raise UnreadableImage(
                path, f"deflated file that inflates to more than {MAX_FILE_BYTES:,} bytes"
            )


def _is_after_file_meta(tag: BaseTag, _representation: str | None, _length: int) -> bool:
    return bool(tag.group != FILE_META_GROUP)


def _inflates_within_limit(stream: BinaryIO) -> bool:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size, waiting = 0, stream.read(CHUNK_BYTES)
    while waiting and size <= MAX_FILE_BYTES:
        size += len(inflater.decompress(waiting, CHUNK_BYTES))
        waiting = inflater.unconsumed_tail or stream.read(CHUNK_BYTES)
    return size <= MAX_FILE_BYTES
