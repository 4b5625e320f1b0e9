"""The grey scale of a DICOM image: modality LUT and values of interest (PS3.3 C.11.1, C.11.2)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from isnet_cxr.data.readers.greyscale import percentile_window

Values = NDArray[np.float32]

EIGHT_BITS = 8
LOWEST_NEGATIVE = 2**15
WINDOWS = {"LINEAR": "linear", "LINEAR_EXACT": "linear exact", "SIGMOID": "sigmoid"}


def modality_values(dataset: Dataset, stored: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Apply the modality LUT, or the rescale slope and intercept.

    Args:
        dataset: The image's header.
        stored: Stored values, (H, W).

    Returns:
        The values in the detector's units, (H, W), and what was done (empty when nothing).
    """
    if dataset.get("ModalityLUTSequence"):
        values, _ = _look_up(dataset, dataset.ModalityLUTSequence[0], stored)
        return values, "modality LUT"
    slope = _first_number(dataset, "RescaleSlope", default=1.0)
    intercept = _first_number(dataset, "RescaleIntercept", default=0.0)
    if slope in (0.0, 1.0) and intercept == 0.0:  # a slope of 0 is a blank, not a scale
        return stored, ""
    return stored * np.float32(slope) + np.float32(intercept), "rescaled"


def voi_grey(
    dataset: Dataset, values: NDArray[Any], *, padding: NDArray[np.bool_] | None
) -> tuple[Values, str]:
    """Map the values of interest to [0, 1]; by percentiles when the file's own way is unusable.

    Args:
        dataset: The image's header.
        values: Values after the modality LUT, (H, W).
        padding: True where pixels are padding and do not count, (H, W).

    Returns:
        Grey in [0, 1], before inversion, float32 (H, W), and what was done.
    """
    unusable = ""
    for grey, step in _stored_ways(dataset, values):
        if _shows_something(grey, padding):
            return grey, step
        unusable = f"{step} leaves the image blank, "
    if int(dataset.BitsStored) == EIGHT_BITS and values.dtype.kind == "u":  # and not rescaled
        return values.astype(np.float32) / np.float32(255), unusable + "8 bits as stored"
    grey = percentile_window(values.astype(np.float32), ignored=padding)
    return grey, unusable + "grey from percentiles 0.5 to 99.5"


def _stored_ways(dataset: Dataset, values: NDArray[Any]) -> Iterator[tuple[Values, str]]:
    """Yield what the file offers; a reader may choose, and takes the first that works."""
    luts = dataset.get("VOILUTSequence")
    if luts:
        looked_up, white = _look_up(dataset, luts[0], values)
        grey = np.clip(looked_up / np.float32(white), 0, 1).astype(np.float32)
        yield grey, "VOI LUT" + _of_several(luts)
    centre = _first_number(dataset, "WindowCenter", default=np.nan)
    width = _first_number(dataset, "WindowWidth", default=np.nan)
    function = str(dataset.get("VOILUTFunction") or "").strip().upper()
    name = WINDOWS.get(function, "linear")
    if np.isfinite(centre) and np.isfinite(width) and width > 0:
        grey = _window(values.astype(np.float32), centre=centre, width=width, function=name)
        yield grey, f"window {name}" + _of_several(dataset.WindowCenter)


def _of_several(values: Any) -> str:
    several = not isinstance(values, str) and np.size(values) > 1
    return f" (first of {np.size(values)})" if several else ""


def _window(values: Values, *, centre: float, width: float, function: str) -> Values:
    """Apply one of the functions of PS3.3 C.11.2.1.2 and C.11.2.1.3, to [0, 1]."""
    if function == "sigmoid":
        # Beyond 60 the sigmoid is 0 in float32, and the exponential would overflow.
        exponent = np.clip(-4.0 * (values - centre) / width, -60.0, 60.0)
        return np.asarray(1.0 / (1.0 + np.exp(exponent)), dtype=np.float32)
    if function == "linear":
        centre, width = centre - 0.5, width - 1.0
    if width <= 0:
        return (values > centre).astype(np.float32)
    return np.asarray(np.clip((values - centre) / width + 0.5, 0.0, 1.0), dtype=np.float32)


def _look_up(
    dataset: Dataset, table: Dataset, values: NDArray[Any]
) -> tuple[NDArray[np.int32], int]:
    """Map values by a LUT item; those beyond its ends take its first or last entry.

    Returns:
        The entries, (H, W), and the largest value that the table's depth can hold.
    """
    _, first, bits = (int(number) for number in table.LUTDescriptor)
    if dataset.get("PixelRepresentation") == 1 and first >= LOWEST_NEGATIVE:
        first -= 2 * LOWEST_NEGATIVE  # written as unsigned by a writer that meant signed
    entries = _entries(dataset, table)
    # Clipped first: a number beyond the integers' range has no place in the table.
    index = np.clip(np.rint(values), first, first + len(entries) - 1).astype(np.int32) - first
    return entries[index], max(2**bits - 1, int(entries.max()))


def _entries(dataset: Dataset, table: Dataset) -> NDArray[np.int32]:
    data = table.LUTData
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int32))
    length = int(table.LUTDescriptor[0]) or 2**16
    if len(data) < 2 * length:  # 8-bit entries, packed, perhaps with one byte of padding
        return np.frombuffer(data, dtype=np.uint8)[:length].astype(np.int32)
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    return np.frombuffer(data, dtype=f"{order}u2")[:length].astype(np.int32)


def _shows_something(grey: Values, padding: NDArray[np.bool_] | None) -> bool:
    counted = grey if padding is None else grey[~padding]
    return bool(counted.size and counted.max() > counted.min())


def _first_number(dataset: Dataset, keyword: str, *, default: float) -> float:
    """Return an attribute's value, the first of several, or the default if not finite."""
    value = dataset.get(keyword)
    if value is None:
        return default
    try:
        number = float(value) if isinstance(value, str | float | int) else float(value[0])
    except (TypeError, ValueError, IndexError):
        return default
    return number if np.isfinite(number) else default
