"""What a compressed frame says of itself: size, samples, depth and sign, from its own header.

JPEG and JPEG-LS say so in their start of frame (ITU T.81 B.2.2, T.87 C.2.2), JPEG 2000 in its SIZ
segment (T.800 A.5.1), which may lie in the boxes of a JP2 file. A DICOM header says it once more,
and decoders believe now one, now the other: the two are compared before anything is decoded.
"""

import re
import struct
from typing import NamedTuple

JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
J2K_START = b"\xff\x4f\xff\x51"
JPEG_START = b"\xff\xd8\xff"
STARTS = (JPEG_START, J2K_START, JP2_SIGNATURE)
START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
START_OF_SCAN = 0xDA
BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}
# An end that is followed by a start: the pixels themselves can hold neither marker.
NEXT_FRAME = re.compile(rb"\xff\xd9[\x00\xff]{0,16}(?:\xff\xd8\xff|\xff\x4f\xff\x51)")
BOX_HEADER, LONG_BOX_HEADER = 8, 16
RLE_HEADER, RLE_NOTHING = 64, 128


class Codestream(NamedTuple):
    """The header of a codestream; ``signed`` is None where the format has no sign."""

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool | None


class CodestreamError(ValueError):
    """A codestream without usable header; the message is free of patient data."""


def count_starts(fragments: list[bytes]) -> int:
    """Count the frames that begin in the fragments of one DICOM frame."""
    beginning = sum(fragment.startswith(STARTS) for fragment in fragments)
    return beginning + sum(len(NEXT_FRAME.findall(fragment)) for fragment in fragments)


def without_boxes(content: bytes) -> bytes:
    """Return the codestream of a JP2 file; anything else as it is.

    Raises:
        CodestreamError: If the boxes are damaged, hold no codestream, or give it a palette.
    """
    if not content.startswith(JP2_SIGNATURE):
        return content
    place = 0
    while place + BOX_HEADER <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        header = BOX_HEADER
        if length == 1 and place + LONG_BOX_HEADER <= len(content):
            (length,) = struct.unpack_from(">Q", content, place + BOX_HEADER)
            header = LONG_BOX_HEADER
        end = place + length if length else len(content)
        if kind == b"jp2h" and b"pclr" in content[place:end]:
            raise CodestreamError("JP2 file with a palette; grey is read")
        if kind == b"jp2c":
            return content[place + header : end]
        if end < place + header:
            break
        place = end
    raise CodestreamError("JP2 file without codestream")


def read_codestream(content: bytes) -> Codestream:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 codestream.

    Raises:
        CodestreamError: If it is none, or is cut off in its header.
    """
    try:
        if content.startswith(J2K_START):
            return _read_siz(content)
        if content.startswith(JPEG_START[:2]):
            return _read_start_of_frame(content)
    except (struct.error, IndexError, ZeroDivisionError):
        raise CodestreamError("codestream cut off in its header") from None
    raise CodestreamError("no codestream of its kind")


def _read_siz(content: bytes) -> Codestream:
    width, height, left, top = struct.unpack_from(">4I", content, 8)
    (samples,) = struct.unpack_from(">H", content, 40)
    parts = [struct.unpack_from(">3B", content, 42 + 3 * part) for part in range(samples)]
    if len(set(parts)) != 1:
        raise CodestreamError("JPEG 2000 components of unequal depth or size")
    depth, across, down = parts[0]
    return Codestream(
        rows=-(-height // down) - -(-top // down),
        columns=-(-width // across) - -(-left // across),
        samples=samples,
        bits=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
    )


def _read_start_of_frame(content: bytes) -> Codestream:
    place = 2
    while content[place] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker = content[place + 1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            place += 1
        elif marker in START_OF_FRAME:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", content, place + 4)
            return Codestream(rows, columns, samples, bits, signed=None)
        elif marker == START_OF_SCAN:
            break
        else:
            bare = marker in BARE_MARKERS
            place += 2 + (0 if bare else struct.unpack_from(">H", content, place + 2)[0])
    raise CodestreamError("JPEG codestream without start of frame")


def rle_length(content: bytes) -> int:
    """Return the number of bytes that the first segment of an RLE frame holds (PS3.5 G.3).

    Raises:
        CodestreamError: If the frame's header is cut off or points outside of it.
    """
    try:
        count, start, following = struct.unpack_from("<3I", content)
    except struct.error:
        raise CodestreamError("RLE frame cut off in its header") from None
    place, end = start, following if count > 1 else len(content)
    if not RLE_HEADER <= start <= end <= len(content):
        raise CodestreamError("RLE frame whose segments lie outside of it")
    length = 0
    while place < end - 1:
        run = content[place]
        if run < RLE_NOTHING:
            length, place = length + run + 1, place + run + 2
        elif run > RLE_NOTHING:
            length, place = length + 257 - run, place + 2
        else:
            place += 1
    return length
