"""Chest images of any size for measurements, each unlike the others, in files of two formats."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isnet_cxr.data.learning.preprocess import resize
from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
from isnet_cxr.data.writers import write_dicom, write_png

NOISE = 0.01


def write_chests(
    folder: Path, count: int, *, size_px: int, formats: Sequence[str] = ("dicom", "png")
) -> list[Path]:
    """Write a generated chest with noise of its own in every file.

    Args:
        folder: Where to.
        count: Number of files.
        size_px: Height and width.
        formats: "dicom" (uncompressed, 12 bits) and "png" (8 bits), in turns.
    """
    hospital = next(iter(HOSPITALS.values()))
    chest = make_phantom(hospital, "normal", 0, seed=0).pixels[0]
    plane = resize(chest, height=size_px, width=size_px)
    paths = []
    for number in range(count):
        noise = np.random.default_rng(number).standard_normal(plane.shape, np.float32)
        pixels = np.clip(plane + np.float32(NOISE) * noise, 0, 1)[np.newaxis]
        if formats[number % len(formats)] == "dicom":
            paths.append(folder / f"{number:05d}.dcm")
            write_dicom(pixels, paths[-1], None)
        else:
            paths.append(folder / f"{number:05d}.png")
            write_png(pixels, paths[-1])
    return paths
