"""From a DICOM header to stored values: what is refused, native and compressed pixel data, bits."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    AllTransferSyntaxes,
    JPEG2000TransferSyntaxes,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from isnet_cxr.data.readers.decoding import DecodingError, decode_frame
from isnet_cxr.data.readers.frame import check_native_length, encoded_frame, with_likelier_sign
from isnet_cxr.data.readers.palette import palette_colours
from isnet_cxr.data.readers.radiograph import UnreadableImage, check_size

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")
PALETTE = "PALETTE COLOR"
GREY_TOLERANCE = 8 / 255
"""Largest difference between red, green and blue, of white, that lossy compression makes of grey"""
FEWEST_BITS, MOST_BITS = 8, 16
LOSSY = (JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)
OVERSHOOT = 16
"""By one part of so many of its range a lossy codestream may pass the ends."""
USUAL: dict[str, tuple[str | int, str]] = {
    "SamplesPerPixel": (1, ""),  # colours need three, and are refused with one
    "PhotometricInterpretation": (
        "MONOCHROME2", "warning: no photometric interpretation, MONOCHROME2 assumed"
    ),
    "PixelRepresentation": (0, "warning: no pixel representation, unsigned values assumed"),
}  # fmt: skip
"""What a radiograph's header has to say, the usual value, and what is noted where it is unsaid."""
HEADER_SIGN = "warning: the sign is the header's, its codestream says otherwise"


class Stored(NamedTuple):
    """Stored values.

    Attributes:
        values: As they stand in the file, (H, W), all allocated bits of them; of a colour image
            the grey that all channels have, as float32 in [0, 1].
        colour: What was done with colour, empty for grey images.
        notes: Warnings for the reading steps.
    """

    values: NDArray[Any]
    colour: str
    notes: tuple[str, ...]


def stored_values(path: Path, dataset: Dataset, *, fewest_bits: int = FEWEST_BITS) -> Stored:
    """Decode the pixel data of a file of one grey frame.

    Args:
        path: The file.
        dataset: The same, read.
        fewest_bits: Of a value: labels may have one bit, an image has more.

    Raises:
        UnreadableImage: If there are several frames, true colours, too many pixels, fewer bits or
            more than 16, no decoder, or the pixel data is damaged or contradicts the header.
    """
    unsaid = _say_what_is_unsaid(dataset)
    photometric = _check_header(path, dataset, fewest_bits)
    values, found = _decode(path, dataset)
    notes = (*unsaid, *found)
    _check_decoded(path, dataset, values)
    if photometric in MONOCHROME:
        return Stored(values, "", notes)
    if photometric == PALETTE:
        channels = palette_colours(path, dataset, used_bits(dataset, values))
    else:
        white = np.float32(2 ** int(dataset.BitsStored) - 1)
        channels = used_bits(dataset, values).astype(np.float32) / white
    if np.ptp(channels, axis=-1).max() > GREY_TOLERANCE:
        raise UnreadableImage(path, f"colour image ({photometric}) that is no copy of a grey one")
    grey = np.clip(channels.mean(axis=-1), 0, 1).astype(np.float32)
    return Stored(grey, "grey from equal colours", notes)


def _say_what_is_unsaid(dataset: Dataset) -> tuple[str, ...]:
    """Give a header the usual values where it has none, as some archives' oldest files; note it."""
    unsaid = [keyword for keyword in USUAL if dataset.get(keyword) in (None, "")]
    for keyword in unsaid:
        setattr(dataset, keyword, USUAL[keyword][0])
    return tuple(note for keyword in unsaid if (note := USUAL[keyword][1]))


def used_bits(dataset: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    """Keep the bits that belong to the value: others may hold overlays, or nothing in particular.

    Args:
        dataset: The image's header.
        stored: As ``stored_values`` returns them, (H, W).
    """
    bits = int(dataset.BitsStored)
    syntax = dataset.file_meta.TransferSyntaxUID
    # A codestream has its own depth, and no bits to spare; only its sign may need to be spread.
    # Run lengths are none: they keep the pixels' bytes as they were, overlays and HighBit included.
    compressed = syntax.is_encapsulated and syntax != RLELossless
    if bits >= 8 * stored.dtype.itemsize or (compressed and stored.dtype.kind == "u"):
        return stored
    high = bits - 1 if compressed else int(dataset.get("HighBit", bits - 1))
    value = (stored >> max(0, high + 1 - bits)) & stored.dtype.type(2**bits - 1)
    if stored.dtype.kind == "u":
        return np.asarray(value)
    sign = stored.dtype.type(2 ** (bits - 1))
    return np.asarray((value ^ sign) - sign)


def syntax_name(syntax: UID) -> str:
    """Return a transfer syntax's name; one that pydicom does not list is never quoted."""
    return str(syntax.name) if syntax in AllTransferSyntaxes else "unknown transfer syntax"


def _and(syntaxes: set[str]) -> str:
    return " and ".join(sorted(syntax_name(UID(syntax)) for syntax in syntaxes))


def _check_header(path: Path, dataset: Dataset, fewest_bits: int) -> str:
    """Refuse what cannot be a radiograph before it is decoded; return its photometric kind."""
    named = {dataset.file_meta.TransferSyntaxUID, dataset.get("TransferSyntaxUID") or ""} - {""}
    if len(named) > 1:
        raise UnreadableImage(path, f"two transfer syntaxes: {_and(named)}")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise UnreadableImage(path, f"{frames} frames in one file; one is read")
    check_size(path, height=int(dataset.get("Rows") or 0), width=int(dataset.get("Columns") or 0))
    allocated, stored = (int(dataset.get(f"Bits{what}") or 0) for what in ("Allocated", "Stored"))
    if not fewest_bits <= stored <= allocated <= MOST_BITS:
        raise UnreadableImage(
            path, f"values of {stored} bits in {allocated}; {fewest_bits} to {MOST_BITS} are read"
        )
    photometric = str(dataset.PhotometricInterpretation)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    if samples != (3 if photometric in COLOURS else 1):
        raise UnreadableImage(path, f"{samples} samples per pixel, against its colour space")
    if photometric not in (*MONOCHROME, *COLOURS, PALETTE):
        raise UnreadableImage(path, "unknown colour space; grey is read")  # free text: not quoted
    return photometric


def _check_decoded(path: Path, dataset: Dataset, values: NDArray[Any]) -> None:
    samples = int(dataset.get("SamplesPerPixel") or 1)
    expected = (int(dataset.Rows), int(dataset.Columns), *((samples,) if samples > 1 else ()))
    if values.shape != expected or values.dtype.kind not in "iu":
        raise UnreadableImage(path, f"decoded to {values.shape}, its header says {expected}")


def _decode(path: Path, dataset: Dataset) -> tuple[NDArray[Any], tuple[str, ...]]:
    syntax = dataset.file_meta.TransferSyntaxUID
    _check_decoder(path, syntax)
    failure = ""
    try:
        if syntax.is_encapsulated:
            return _decode_apart(path, dataset)
        return _decode_here(path, dataset), ()
    except UnreadableImage:
        raise
    except DecodingError as error:
        failure = str(error)
    except Exception as error:  # pydicom's messages quote the header
        failure = type(error).__name__
    raise UnreadableImage(path, f"pixel data cannot be decoded ({syntax_name(syntax)}, {failure})")


def _decode_here(path: Path, dataset: Dataset) -> NDArray[Any]:
    check_native_length(path, dataset)
    # pydicom's own correction takes the lowest bits for the value, whatever HighBit says.
    return np.asarray(pixel_array(dataset, correct_unused_bits=False))


def _decode_apart(path: Path, dataset: Dataset) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Decode in the other process, which is told the shape of the pixels and nothing else."""
    frame = encoded_frame(path, dataset)
    samples, stored = int(dataset.get("SamplesPerPixel") or 1), int(dataset.BitsStored)
    allocated = int(dataset.BitsAllocated)
    if frame.bits is not None:  # a codestream has its own depth
        allocated, stored = FEWEST_BITS if frame.bits <= FEWEST_BITS else MOST_BITS, frame.bits
    options = {
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "photometric_interpretation": str(dataset.get("PhotometricInterpretation", "MONOCHROME2")),
        "pixel_representation": int(dataset.get("PixelRepresentation") or 0),
        "bits_allocated": allocated,
        "bits_stored": stored,
        "pixel_keyword": "PixelData",
    }
    if samples > 1:
        options["planar_configuration"] = int(dataset.get("PlanarConfiguration") or 0)
    values, notes = decode_frame(options, frame.encoded), frame.notes
    if frame.doubtful_sign and samples == 1:
        values = with_likelier_sign(values, bits=stored)
        if values.dtype.kind == "i":
            dataset.PixelRepresentation = 1
            notes = (HEADER_SIGN,)
    if stored > int(dataset.BitsStored):
        values = _within_bits(path, dataset, values)
    return values, notes


def _within_bits(path: Path, dataset: Dataset, values: NDArray[Any]) -> NDArray[Any]:
    """Return values of as many bits as the header has; refuse those that need more.

    A lossy codestream may overshoot a little, and is clipped. Signed values whose sign was not
    spread are all positive, and pass as they are: ``used_bits`` spreads it.
    """
    bits = int(dataset.BitsStored)
    signed = values.dtype.kind == "i"
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if signed and values.min() >= 0 and values.max() < 2**bits:
        return values
    lossy = dataset.file_meta.TransferSyntaxUID in LOSSY
    spare = 2**bits // OVERSHOOT if lossy else 0
    if values.min() < low - spare or values.max() > high + spare:
        raise UnreadableImage(
            path, f"codestream with values of more than the {bits} bits that its header says"
        )
    return np.asarray(np.clip(values, low, high))


def _check_decoder(path: Path, syntax: UID) -> None:
    """Name the decoder that is missing, before anything else fails for want of it."""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:  # video, and syntaxes that pydicom does not list
        raise UnreadableImage(path, f"there is no decoder for {syntax_name(syntax)}") from None
    if not decoder.is_available:
        raise UnreadableImage(
            path, f"{syntax_name(syntax)} needs {_package(syntax)}, not installed"
        )


def _package(syntax: UID) -> str:
    """Return the package on PyPI that decodes a syntax, under a licence other than the GPL."""
    if syntax in JPEG2000TransferSyntaxes:
        return "pylibjpeg-openjpeg"
    if syntax in JPEGLSTransferSyntaxes:
        return "pyjpegls"
    return "python-gdcm" if syntax in JPEGTransferSyntaxes else "pydicom"
