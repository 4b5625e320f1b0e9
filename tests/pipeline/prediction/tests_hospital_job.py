"""A night's job: chests in many formats, and one file in twenty broken, in twenty ways."""

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import tests_file_tree as tree  # beside this file, see conftest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from isnet_cxr.data.learning.preprocess import resize
from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
from isnet_cxr.data.writers import write_dicom, write_nifti, write_png

SIZE_PX = 192
PEOPLE = 12  # generated; the rest are the same with noise of their own
Broken = tuple[str, Callable[[int, Path], bytes]]


class Chests:
    """Chest images of all made-up hospitals, each number another."""

    def __init__(self) -> None:
        self._planes = [
            resize(
                make_phantom(hospital, next(iter(hospital.looks)), number, seed=0).pixels[0],
                height=SIZE_PX,
                width=SIZE_PX - 10 * (number % 3),
            )
            for number, hospital in zip(range(PEOPLE), cycle(HOSPITALS.values()), strict=False)
        ]

    def __call__(self, number: int) -> np.ndarray:
        plane = self._planes[number % PEOPLE]
        noise = np.random.default_rng(number).standard_normal(plane.shape, np.float32)
        return np.clip(plane + np.float32(0.02) * noise, 0, 1)[np.newaxis]


def _dicom(pixels: np.ndarray, number: int, path: Path, syntax: str | None = None) -> None:
    kind = "MONOCHROME1" if number % 2 else "MONOCHROME2"
    write_dicom(pixels, path, (0.2, 0.2), patient_id=f"ROE^{number}", photometric=kind)
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID = f"1.2.3.{number // 2}"
    dataset.SeriesInstanceUID = f"1.2.3.{number // 2}.1"
    dataset.SOPInstanceUID = f"1.2.3.{number // 2}.1.{number}"
    dataset.AccessionNumber = f"A{number // 2:06}"
    if syntax is not None:
        dataset.compress(syntax)
    dataset.save_as(path)


def _pil(pixels: np.ndarray, path: Path, **options: object) -> None:
    Image.fromarray(np.round(pixels[0] * 255).astype(np.uint8)).save(path, **options)


GOOD: tuple[tuple[str, Callable[[np.ndarray, int, Path], None]], ...] = (
    ("{}.dcm", _dicom),
    ("IM{:06}", _dicom),
    ("{}.png", lambda pixels, _, path: write_png(pixels, path)),
    ("rle {}.dcm", lambda pixels, number, path: _dicom(pixels, number, path, RLELossless)),
    ("jls {}.dcm", lambda pixels, number, path: _dicom(pixels, number, path, JPEGLSLossless)),
    ("j2k {}.dcm", lambda pixels, number, path: _dicom(pixels, number, path, JPEG2000Lossless)),
    ("{}.jpg", lambda pixels, _, path: _pil(pixels, path, quality=95)),
    ("{}.tiff", lambda pixels, _, path: _pil(pixels, path)),
    ("{}.nii.gz", lambda pixels, _, path: write_nifti(pixels, path, (0.2, 0.2))),
    (
        "deep {}.png",
        lambda pixels, _, path: write_png(np.round(pixels[0] * 65535).astype(np.uint16), path),
    ),
)


def _changed(**values: object) -> Callable[[int, Path], bytes]:
    return lambda number, at: tree.changed(tree.dicom(number, at), **values)


def _bad_codestream(number: int, at: Path) -> bytes:
    """Return a JPEG 2000 file whose frame is noise behind a right start."""
    path = at / ".made.dcm"
    _dicom(tree.grey(number), number, path, JPEG2000Lossless)
    dataset = pydicom.dcmread(path)
    path.unlink()
    content = bytearray(dataset.PixelData)
    middle = len(content) // 2
    content[60:middle] = np.random.default_rng(number).bytes(middle - 60)
    dataset.PixelData = bytes(content)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


BROKEN: dict[str, Broken] = tree.FAILED | {
    "many frames {}.dcm": ("frames", _changed(NumberOfFrames=2)),
    "too large {}.dcm": ("are read", _changed(Rows=60000, Columns=60000)),
    "no rows {}.dcm": ("", _changed(Rows=None)),
    "bad codestream {}.dcm": ("", _bad_codestream),
    "cut {}.nii.gz": ("cut off", lambda n, _: gzip.compress(_nifti(n))[:-90]),
    "cut {}.jpg": ("damaged", lambda n, _: tree.raster(n, "JPEG")[:400]),
}
"""Twenty ways."""


def _nifti(number: int) -> bytes:
    return nibabel.Nifti1Image(tree.grey(number)[0].T, np.eye(4)).to_bytes()


def write_job(root: Path, *, count: int, real: Path | None = None) -> tree.Expected:
    """Write a tree of ``count`` files, a twentieth of them broken, and ``real`` DICOM files.

    Every fifty files lie in a folder of their own, and every seventh folder is a zip archive.
    """
    expected, chests, broken = tree.Expected(), Chests(), cycle(BROKEN.items())
    for start in range(0, count, 50):
        folder = root / f"study {start:05}"
        folder.mkdir(parents=True)
        below = folder.name if start // 50 % 7 != 6 else f"{folder.name}.zip"
        for number in range(start, min(start + 50, count)):
            if number % 20 == 11:
                pattern, (reason, make) = next(broken)
                name = pattern.format(number)
                (folder / name).write_bytes(make(number, folder))
                expected.failed[f"{below}/{name}"] = reason
            else:
                pattern, write = GOOD[number % len(GOOD)]
                name = pattern.format(number)
                write(chests(number), number, folder / name)
                expected.predicted.add(f"{below}/{name}")
        if below.endswith(".zip"):
            _pack(folder)
    if real is not None:
        _add_real(real, root / "real", expected)
    return expected


def _pack(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    shutil.rmtree(folder)


def _add_real(real: Path, to: Path, expected: tree.Expected) -> None:
    to.mkdir()
    for path in sorted(real.glob("*.dcm")):
        shutil.copy(path, to)
        name = f"real/{path.name}"
        if "NoPixelData" in name:
            expected.failed[name] = "DICOM file without pixel data"
        else:
            expected.predicted.add(name)
