"""One frame of a DICOM file, and only one: what the header states is what the pixel data holds.

Nothing in a file says which of several frames is meant, or whether the header or the codestream
tells the truth about rows, columns, samples and depth. So a file that holds more than one frame, or
contradicts itself, is refused and both are named. Two contradictions have one answer: the sign is
the codestream's (PS3.5 8.2.1), and so is a depth of fewer or, if the values fit, of more bits in as
many bytes.
"""

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments, parse_basic_offsets
from pydicom.uid import RLELossless

from isnet_cxr.data.readers.codestream import (
    Codestream,
    CodestreamError,
    count_starts,
    read_codestream,
    rle_length,
    without_boxes,
)
from isnet_cxr.data.readers.radiograph import UnreadableImage

SUBSAMPLED = "YBR_FULL_422"


class Frame(NamedTuple):
    """One encoded frame.

    Attributes:
        encoded: What a decoder takes as the value of PixelData, encapsulated.
        bits: Depth of the codestream, or None where it has none of its own (RLE).
        notes: Warnings for the reading steps.
        doubtful_sign: Whether the codestream is unsigned under a header that says signed: it may
            hold unsigned values, or signed ones that its encoder knew nothing of.
    """

    encoded: bytes
    bits: int | None
    notes: tuple[str, ...]
    doubtful_sign: bool = False


def check_native_length(path: Path, dataset: Dataset) -> None:
    """Refuse native pixel data of another length than one frame's; padding by zeros passes.

    Raises:
        UnreadableImage: If there are more bytes or fewer, or the data is encapsulated after all.
    """
    element = dataset["PixelData"]
    if element.is_undefined_length:
        raise UnreadableImage(path, "compressed pixel data, against its transfer syntax")
    expected = _native_bytes(dataset)
    surplus = element.value[expected:]
    if len(surplus) <= 1:
        return  # too short is the decoder's to refuse
    if len(surplus) > expected // int(dataset.Rows) or any(surplus):
        raise UnreadableImage(
            path,
            f"pixel data of {len(element.value):,} bytes, one frame of its header has {expected:,}",
        )


def encoded_frame(path: Path, dataset: Dataset) -> Frame:
    """Return the one frame of encapsulated pixel data, freed of what decoders stumble over.

    The header's sign is corrected by the codestream's.

    Raises:
        UnreadableImage: If there is more than one frame, or the codestream contradicts the header.
    """
    failure = ""
    try:
        fragments = _fragments(path, dataset)
        if dataset.file_meta.TransferSyntaxUID == RLELossless:
            return _rle_frame(path, dataset, fragments)
        frames = count_starts(fragments)
        if frames > 1:
            raise UnreadableImage(path, f"{frames} frames in one file; one is read")
        content = without_boxes(b"".join(fragments))
        stream = read_codestream(content)
    except CodestreamError as error:
        failure = str(error)
    if failure:
        raise UnreadableImage(path, f"pixel data cannot be decoded ({failure})")
    _compare(path, dataset, stream)
    doubtful = stream.signed is False and dataset.get("PixelRepresentation") == 1
    notes = _correct(dataset, stream)
    return Frame(encapsulate([content], has_bot=False), stream.bits, notes, doubtful)


def with_likelier_sign(values: NDArray[Any], *, bits: int) -> NDArray[Any]:
    """Return unsigned values, or the signed ones of the same bits if they make a smoother image.

    The wrong sign tears an image wherever its values pass the middle of their range, or 0.

    Args:
        values: Unsigned, (H, W).
        bits: Depth of the codestream.
    """
    unsigned = values.astype(np.int32)
    signed = (unsigned ^ 2 ** (bits - 1)) - 2 ** (bits - 1)
    if _variation(signed) >= _variation(unsigned):
        return values
    return np.asarray(signed, dtype=f"i{values.dtype.itemsize}")


def _variation(values: NDArray[np.int32]) -> int:
    return sum(
        int(np.abs(np.diff(values, axis=axis)).sum(dtype=np.int64)) for axis in range(values.ndim)
    )


def _native_bytes(dataset: Dataset) -> int:
    samples = int(dataset.get("SamplesPerPixel") or 1)
    pixels = int(dataset.Rows) * int(dataset.Columns)
    count = (
        pixels * 2 if dataset.get("PhotometricInterpretation") == SUBSAMPLED else (pixels * samples)
    )
    return -(-count * int(dataset.BitsAllocated) // 8)


def _fragments(path: Path, dataset: Dataset) -> list[bytes]:
    try:
        stream = BytesIO(dataset.PixelData)
        parse_basic_offsets(stream)  # past its table: some list fragments there, not frames
        fragments = [fragment for fragment in generate_fragments(stream) if fragment]
    except Exception as error:  # pydicom's messages quote bytes
        raise CodestreamError(f"damaged fragments, {type(error).__name__}") from None
    if not fragments:
        raise CodestreamError("no fragment")
    return fragments


def _rle_frame(path: Path, dataset: Dataset, fragments: list[bytes]) -> Frame:
    if len(fragments) > 1:
        raise UnreadableImage(path, f"{len(fragments)} frames in one file; one is read")
    pixels = int(dataset.Rows) * int(dataset.Columns)
    length = rle_length(fragments[0])
    if not pixels <= length <= pixels + int(dataset.Columns):
        raise UnreadableImage(path, f"RLE frame of {length:,} pixels, its header has {pixels:,}")
    return Frame(encapsulate(fragments, has_bot=False), None, ())


def _compare(path: Path, dataset: Dataset, stream: Codestream) -> None:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples, bits = int(dataset.get("SamplesPerPixel") or 1), int(dataset.BitsStored)
    if (rows, columns) != (stream.rows, stream.columns):
        mine, theirs = f"{stream.rows} x {stream.columns}", f"{rows} x {columns}"
    elif samples != stream.samples:
        mine, theirs = f"{stream.samples} samples", f"{samples} samples"
    elif _bytes(bits) != _bytes(stream.bits):
        mine, theirs = f"{stream.bits} bits", f"{bits} bits"
    else:
        return
    raise UnreadableImage(path, f"codestream of {mine} in a file whose header says {theirs}")


def _bytes(bits: int) -> int:
    return (bits + 7) // 8


def _correct(dataset: Dataset, stream: Codestream) -> tuple[str, ...]:
    notes = []
    signed = dataset.get("PixelRepresentation") == 1
    if stream.signed is not None and stream.signed != signed:
        dataset.PixelRepresentation = int(stream.signed)
        notes.append("warning: the sign is the codestream's, its header says otherwise")
    if stream.bits != int(dataset.BitsStored):
        notes.append(f"warning: codestream of {stream.bits} bits, its header says otherwise")
    return tuple(notes)
