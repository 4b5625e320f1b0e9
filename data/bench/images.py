"""Images decoded and images from the cache, in images per second and bytes on the disk.

An epoch ends with every image and its mask as a float32 tensor in [0, 1], in batches, shuffled:
what a training step takes. Files are warm in the page cache for everyone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.learning.preprocess import Preprocessing, resize
from isnet_cxr.data.phantoms import HOSPITALS, LABELS, make_phantom
from isnet_cxr.data.writers import write_dicom, write_mask, write_png

BATCH_SIZE = 16
DISTINCT = 8
"""Phantoms that are generated; the other images are these, mirrored and lit otherwise."""

BLOCK_BYTES = 512
"""The unit of ``st_blocks``."""

Format = Literal["dicom", "png"]


@dataclass(frozen=True)
class Speeds:
    """What one way of serving images came to.

    Attributes:
        first_per_s: Images per second of the first epoch, which decodes and keeps.
        later_per_s: The same of a later epoch in a new process: opening what was kept is in it.
        disk_bytes: What is kept takes on the disk.
    """

    first_per_s: float
    later_per_s: float
    disk_bytes: int


def write_images(out: Path, *, images: int, height_px: int, suffix: Format) -> pd.DataFrame:
    """Write images and masks of a made-up hospital at a hospital's size.

    Args:
        out: Folder, made if missing.
        images: How many.
        height_px: Their height; the width follows.
        suffix: Uncompressed 12-bit DICOM, or 8-bit PNG.

    Returns:
        What ``load_images`` needs of a manifest: ``path`` and ``lung_mask``.
    """
    hospital = HOSPITALS["hillcrest"]
    phantoms = [
        make_phantom(hospital, LABELS[n % len(LABELS)], n, seed=0)
        for n in range(min(images, DISTINCT))
    ]
    rows = []
    for number in range(images):
        phantom = phantoms[number % len(phantoms)]
        scale = height_px / phantom.mask.shape[0]
        size = {"height": height_px, "width": round(phantom.mask.shape[1] * scale)}
        image = resize(phantom.pixels[0], **size) ** np.float32(1 + number / images)
        mask = resize(phantom.mask.astype(np.float32), **size) >= 0.5  # noqa: PLR2004 - half
        if number // len(phantoms) % 2:
            image, mask = image[:, ::-1], mask[:, ::-1]
        path = out / suffix / f"{number}{'.dcm' if suffix == 'dicom' else '.png'}"
        spacing = (phantom.spacing_mm / scale,) * 2
        if suffix == "dicom":
            write_dicom(image[np.newaxis], path, spacing)
        else:
            write_png(image[np.newaxis], path)
        write_mask(mask, out / "masks" / f"{number}.png")
        rows.append({"path": str(path), "lung_mask": str(out / "masks" / f"{number}.png")})
    return pd.DataFrame(rows)


def measure_cache(manifest: pd.DataFrame, cache: Path, *, size_px: int, repeats: int) -> Speeds:
    """Time this project's cache, in this process alone.

    Args:
        manifest: As ``write_images`` returns it.
        cache: An empty folder, or none yet.
        size_px: Side of the squares.
        repeats: Later epochs; the fastest counts.
    """
    settings = Preprocessing(size_px=size_px)

    def epoch() -> None:
        images = load_images(manifest, settings, cache=cache, progress=False)
        order = np.random.default_rng(0).permutation(len(images.images))
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            for stored, divisor in ((images.images, 255), (images.masks, 1)):
                _ = torch.from_numpy(stored[rows])[:, None].float() / divisor

    first = seconds(epoch)
    later = min(seconds(epoch) for _ in range(repeats))
    return Speeds(len(manifest) / first, len(manifest) / later, disk_bytes(cache))


def seconds(work: Callable[[], None]) -> float:
    """Return how long ``work`` takes, by the clock on the wall."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def disk_bytes(folder: Path) -> int:
    """Return the room that the files under ``folder`` take on the disk."""
    return sum(path.stat().st_blocks * BLOCK_BYTES for path in folder.rglob("*") if path.is_file())
