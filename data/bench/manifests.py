"""A manifest of a million rows: read, split, its tables made; seconds and memory."""

import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.data.audit import audit_images
from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest
from isnet_cxr.data.manifests.splits import assign_splits

IMAGES_PER_PATIENT = 3
SITES = 40
KIB = 1024


@dataclass(frozen=True)
class ManifestSpeeds:
    """What a large manifest takes.

    Attributes:
        rows: How many images it lists.
        seconds: By the clock on the wall, by step: write, read, split, tables.
        cpu_seconds: The same on the processor: what it is without others on the machine.
        peak_bytes: Most memory that the process ever held, Python and its libraries included.
    """

    rows: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    peak_bytes: int


def measure_manifests(rows: int) -> ManifestSpeeds:
    """Time a manifest of ``rows`` made-up images, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measure, rows).result()


def make_manifest(rows: int) -> pd.DataFrame:
    """Return a manifest of made-up images: 40 sites of 4 datasets, 3 images per patient."""
    rng = np.random.default_rng(0)
    patients = np.arange(rows) // IMAGES_PER_PATIENT
    site = patients % SITES
    dataset = np.char.add("set-", (site % 4).astype(str))
    hashes = [f"{patient * 2654435761 % 2**48:012x}" for patient in patients]
    return pd.DataFrame(
        {
            "image_id": [f"{number * 11400714819323198485 % 2**64:016x}" for number in range(rows)],
            "path": [f"/images/{number}.dcm" for number in range(rows)],
            "dataset": dataset,
            "site": np.char.add("site-", site.astype(str)),
            "patient_id": [f"{name}/{key}" for name, key in zip(dataset, hashes, strict=True)],
            "label": rng.choice(["normal", "pneumonia", "covid"], rows),
            "view": rng.choice(["PA", "AP", ""], rows),
            "age": rng.integers(0, 100, rows).astype(float),
            "sex": rng.choice(["M", "F", ""], rows),
            "height_px": rng.integers(1500, 3000, rows),
            "width_px": rng.integers(1500, 3000, rows),
        }
    )


def _measure(rows: int) -> ManifestSpeeds:
    wall: dict[str, float] = {}
    processor: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        begun, used = time.perf_counter(), time.process_time()
        result = work()
        wall[step] = time.perf_counter() - begun
        processor[step] = time.process_time() - used
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.parquet"
        made = make_manifest(rows)
        timed("write", partial(write_manifest, made, path))
        del made
        images = timed("read", partial(read_manifest, path))
    images = timed("split", partial(assign_splits, images, seed=0))
    timed("tables", partial(audit_images, images, read_pixels=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    return ManifestSpeeds(rows, wall, processor, peak)
