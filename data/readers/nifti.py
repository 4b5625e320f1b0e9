"""NIfTI: one radiograph per file, as a 2-D array or a 3-D array with a single slice.

Orientation, one rule: the affine says where each array axis points. Of the two axes that span the
image, the one closest to superior-inferior (or, failing that, anterior-posterior) runs down the
rows, and both are made to run towards left, posterior and inferior. So the image stands upright,
with the patient's right on the left, as on a light box. A file that states no orientation (sform
and qform codes 0) is stored (x, y) from the top left corner and is only transposed. Readers of all
formats return rows from top to bottom: an image in PNG and its mask in NIfTI lie on each other.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from isnet_cxr.data.readers.greyscale import Values, percentile_window, stretch
from isnet_cxr.data.readers.radiograph import (
    Radiograph,
    Spacing,
    UnreadableImage,
    check_size,
    reading,
    usable_spacing,
)

SUFFIXES = (".nii", ".nii.gz")
MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}
NIFTI_2_SIZES = (540, int.from_bytes((540).to_bytes(4, "little"), "big"))
"""Size of the header, its first value, in either byte order."""
IMAGE_AXES = 2
MOST_ABOVE, MOST_OUTSIDE = 0.2, 0.5
"""Shares of the pixels that a window of this image may clip, at most."""
LEAST_USED = 0.1
"""Share of a window that its own image fills, at least: less would be nearly black or white."""

# It writes every oddity of a header to the terminal; what matters is in the error.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)


def read_nifti(path: Path) -> Radiograph:
    """Read one image; grey by the header's cal_min and cal_max, else by percentiles.

    Raises:
        UnreadableImage: If the file is missing, damaged, in colour or not a single slice.
    """
    with reading(path, "NIfTI file"):
        image, values = _load(path)
        oriented, spacing, step = _upright(image, values)
        finite = np.isfinite(oriented)
        darkest = oriented[finite].min() if finite.any() else 0.0
        grey = np.where(finite, oriented, darkest).astype(np.float32)
        low, high = float(image.header["cal_min"]), float(image.header["cal_max"])
        ignored = ""
        if high > low and (fault := _misfit(grey[finite], low=low, high=high)):
            low = high = 0.0
            ignored = f"warning: cal_min and cal_max ignored, they {fault}"
        if high > low:
            grey, scaling = stretch(grey, low=low, high=high), "grey from cal_min to cal_max"
        else:
            grey, scaling = percentile_window(grey), "grey from percentiles 0.5 to 99.5"
        return Radiograph(
            pixels=np.ascontiguousarray(grey)[np.newaxis],
            spacing_mm=spacing,
            steps=tuple(note for note in ("NIfTI", step, scaling, ignored) if note),
        )


def _misfit(values: Values, *, low: float, high: float) -> str:
    """Say why a window is another image's, nothing if it may be this one's.

    Too much lies beyond it, above or on both sides: air around the patient may well lie below, but
    nothing that is to be looked at lies above. Or all grey values lie in a small part of it.
    """
    if not values.size:
        return ""
    above, below = float((values > high).mean()), float((values < low).mean())
    if above > MOST_ABOVE or above + below > MOST_OUTSIDE:
        return "saturate much of the image"
    spread = float(values.max()) - float(values.min())
    return "leave no contrast" if 0 < spread < LEAST_USED * (high - low) else ""


def read_nifti_labels(path: Path) -> Values:
    """Return the stored values, upright, float32 (H, W), for masks.

    Raises:
        UnreadableImage: As ``read_nifti``.
    """
    with reading(path, "NIfTI file"):
        return _upright(*_load(path))[0]


def _load(path: Path) -> tuple[Any, Values]:
    import nibabel  # noqa: PLC0415 - only where a file is NIfTI: a prediction starts faster

    with path.open("rb") as stream:  # not by its path: nibabel goes by suffixes
        second = int(abs(np.frombuffer(stream.read(4), "<i4")[0])) in NIFTI_2_SIZES
        stream.seek(0)
        kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
        image = kind.from_stream(stream)
        _check_shape(path, image)
        return image, np.asarray(image.dataobj, dtype=np.float32)


def _check_shape(path: Path, image: Any) -> None:
    shape = image.shape
    if image.get_data_dtype().kind not in "uif":
        raise UnreadableImage(path, f"NIfTI data of type {image.get_data_dtype()}; grey is read")
    # Trailing axes beyond the third are time and channels; they may only be of length 1.
    spatial = (*shape[:3], 1)[:3]
    if len(shape) < IMAGE_AXES or any(n != 1 for n in shape[3:]) or sorted(spatial)[0] != 1:
        raise UnreadableImage(path, f"NIfTI shape {tuple(shape)}; a single slice is read")
    height, width = sorted(spatial)[1:]
    check_size(path, height=height, width=width)


def _upright(image: Any, values: Values) -> tuple[Values, Spacing | None, str]:
    volume = values.reshape((*values.shape[:3], 1)[:3])
    # The slice axis is the last one of length 1, so that an image of one pixel row stays an image.
    slice_axis = max(axis for axis in range(3) if volume.shape[axis] == 1)
    first, second = (axis for axis in range(3) if axis != slice_axis)
    plane = volume.take(0, axis=slice_axis)
    scale = MM_PER_UNIT.get(image.header.get_xyzt_units()[0], np.nan)
    # Header zooms are float32: 0.143 comes back as 0.14300000667572021.
    zooms = [float(f"{zoom:.6g}") * scale for zoom in (*image.header.get_zooms()[:3], 1.0)[:3]]
    if image.header["sform_code"] == 0 and image.header["qform_code"] == 0:
        return plane.T, usable_spacing(zooms[second], zooms[first]), "transposed, no orientation"
    import nibabel  # noqa: PLC0415

    world, direction = nibabel.io_orientation(image.affine).T
    for index, axis in enumerate((first, second)):
        if direction[axis] > 0:
            plane = np.flip(plane, axis=index)
    if world[first] > world[second]:
        return plane, usable_spacing(zooms[first], zooms[second]), "upright by the affine"
    return plane.T, usable_spacing(zooms[second], zooms[first]), "upright by the affine"
