"""From a DICOM header to stored values: what is refused, native and compressed pixel data, bits."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from isnet_cxr.data.readers.decoding import DecodingError, decode_frame
from isnet_cxr.data.readers.radiograph import UnreadableImage, check_size

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")
PALETTE = "PALETTE COLOR"
GREY_TOLERANCE = 8 / 255
"""Largest difference between red, green and blue, of white, that lossy compression makes of grey"""
FEWEST_BITS, MOST_BITS = 8, 16


def stored_values(path: Path, dataset: Dataset) -> tuple[NDArray[Any], str]:
    """Decode the pixel data of a file of one grey frame.

    Returns:
        The values as they stand in the file, (H, W), all allocated bits of them, and what was done
        with colour (empty when nothing).

    Raises:
        UnreadableImage: If there are several frames, true colours, too many pixels, other than 8
            to 16 bits, no decoder, or the pixel data is damaged.
    """
    photometric = _check_header(path, dataset)
    values = _decode(path, dataset)
    if photometric in MONOCHROME:
        return values, ""
    if photometric == PALETTE:
        values = np.asarray(apply_color_lut(values, dataset))
        if values.dtype != np.uint8:
            values = (values >> FEWEST_BITS).astype(np.uint8)
    white = 2 ** (8 * values.dtype.itemsize) - 1
    channels = values.astype(np.int32)
    if np.ptp(channels, axis=-1).max() > GREY_TOLERANCE * white:
        raise UnreadableImage(path, f"colour image ({photometric}) that is no copy of a grey one")
    return np.rint(channels.mean(axis=-1)).astype(values.dtype), "grey from equal colours"


def used_bits(dataset: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    """Keep the bits that belong to the value: others may hold overlays, or nothing in particular.

    Args:
        dataset: The image's header.
        stored: As ``stored_values`` returns them, (H, W).
    """
    bits = int(dataset.BitsStored)
    compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    # A codestream has its own depth, and no bits to spare; only its sign may need to be spread.
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


def _check_header(path: Path, dataset: Dataset) -> str:
    """Refuse what cannot be a radiograph before it is decoded; return its photometric kind."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise UnreadableImage(path, f"{frames} frames in one file; one is read")
    check_size(path, height=int(dataset.get("Rows") or 0), width=int(dataset.get("Columns") or 0))
    allocated, stored = (int(dataset.get(f"Bits{what}") or 0) for what in ("Allocated", "Stored"))
    if not FEWEST_BITS <= stored <= allocated <= MOST_BITS:
        raise UnreadableImage(
            path, f"values of {stored} bits in {allocated}; {FEWEST_BITS} to {MOST_BITS} are read"
        )
    photometric = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2")
    samples = int(dataset.get("SamplesPerPixel") or 1)
    if samples != (3 if photometric in COLOURS else 1):
        raise UnreadableImage(path, f"{samples} samples per pixel, against its colour space")
    if photometric not in (*MONOCHROME, *COLOURS, PALETTE):
        raise UnreadableImage(path, "unknown colour space; grey is read")  # free text: not quoted
    return photometric


def _decode(path: Path, dataset: Dataset) -> NDArray[Any]:
    syntax = dataset.file_meta.TransferSyntaxUID
    _check_decoder(path, syntax)
    failure = ""
    try:
        values = (_decode_apart if syntax.is_encapsulated else _decode_here)(dataset)
    except DecodingError as error:
        failure = str(error)
    except Exception as error:  # pydicom's messages quote the header
        failure = type(error).__name__
    if failure:
        raise UnreadableImage(
            path, f"pixel data cannot be decoded ({syntax_name(syntax)}, {failure})"
        )
    return values


def _decode_here(dataset: Dataset) -> NDArray[Any]:
    # pydicom's own correction takes the lowest bits for the value, whatever HighBit says.
    return np.asarray(pixel_array(dataset, correct_unused_bits=False))


def _decode_apart(dataset: Dataset) -> NDArray[Any]:
    """Decode in the other process, which is told the shape of the pixels and nothing else."""
    samples = int(dataset.get("SamplesPerPixel") or 1)
    options = {
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "photometric_interpretation": str(dataset.get("PhotometricInterpretation", "MONOCHROME2")),
        "pixel_representation": int(dataset.get("PixelRepresentation") or 0),
        "bits_allocated": int(dataset.BitsAllocated),
        "bits_stored": int(dataset.BitsStored),
        "pixel_keyword": "PixelData",
    }
    if samples > 1:
        options["planar_configuration"] = int(dataset.get("PlanarConfiguration") or 0)
    return decode_frame(options, dataset.PixelData)


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
