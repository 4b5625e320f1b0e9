"""The grey scale of a DICOM image: modality LUT and values of interest (PS3.3 C.11.1, C.11.2)."""

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from isnet_cxr.data.readers.greyscale import percentile_window
from isnet_cxr.data.readers.lookup import look_up, read_table

Values = NDArray[np.float32]

EIGHT_BITS = 8
LEAST_SPAN, LEAST_INSIDE = 0.1, 0.05
"""What a usable way spreads the image over, of black to white, and the share it does not clip."""
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
        table = read_table(dataset, dataset.ModalityLUTSequence[0])
        if table is not None:
            signed = dataset.get("PixelRepresentation") == 1
            return look_up(table, stored, signed=signed), "modality LUT"
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
    table = read_table(dataset, luts[0]) if luts else None
    if table is not None:
        # Descriptors say 16 bits of tables of 12; the brightest entry is what is shown white.
        white = max(1, int(table.entries.max()))
        looked_up = look_up(table, values, signed=dataset.get("PixelRepresentation") == 1)
        yield (
            (looked_up / np.float32(white)).astype(np.float32),
            "VOI LUT" + _of_several(luts or ()),
        )
    function = str(dataset.get("VOILUTFunction") or "").strip().upper()
    name = WINDOWS.get(function, "linear")
    centres, widths = (_numbers(dataset, f"Window{what}") for what in ("Center", "Width"))
    for place, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if np.isfinite(centre) and np.isfinite(width) and width > 0:
            grey = _window(values.astype(np.float32), centre=centre, width=width, function=name)
            yield grey, f"window {name}" + _of_several(centres, place)


def _of_several(values: Sized, place: int = 0) -> str:
    if len(values) < 2:  # noqa: PLR2004 - several
        return ""
    return f" ({'first' if place == 0 else f'number {place + 1}'} of {len(values)})"


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
    grey = values - centre
    grey /= width
    grey += 0.5
    return np.asarray(np.clip(grey, 0.0, 1.0, out=grey), dtype=np.float32)


def _shows_something(grey: Values, padding: NDArray[np.bool_] | None) -> bool:
    """Claim that grey is neither nearly constant, nor nearly all black or white by clipping.

    A window of other values than the image's own, such as one of 16 bits for values of 12, or of 8,
    leaves nothing to see.
    """
    counted = grey if padding is None else grey[~padding]
    if not counted.size or counted.max() - counted.min() < LEAST_SPAN:
        return False
    return bool(((counted > 0) & (counted < 1)).mean() >= LEAST_INSIDE)


def _first_number(dataset: Dataset, keyword: str, *, default: float) -> float:
    """Return an attribute's value, the first of several, or the default if not finite."""
    number = next(iter(_numbers(dataset, keyword)), np.nan)
    return number if np.isfinite(number) else default


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return an attribute's values, NaN for what is no number."""
    value = dataset.get(keyword)
    if value is None:
        return []
    found = []
    for one in value if isinstance(value, MultiValue | list | tuple) else [value]:
        try:
            found.append(float(one))
        except (TypeError, ValueError):
            found.append(np.nan)
    return found
