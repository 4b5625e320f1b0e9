"""Images of a manifest as the networks take them, prepared once and kept.

A cache is a folder with one sub-folder per (rows, settings), named by a digest of the files' paths,
sizes and times (in ns) and of the settings. A changed file, mask or setting therefore gives another
name, and what was cached is left unused. The name does not depend on the files' bytes: these would
have to be read, all of them, whenever the images are opened, which for 2,000 x 2,500 px in DICOM is
10 MB for every 50 kB that are then used. What that costs: images that were moved or copied are
prepared once more, and a file that another took the place of with the same path, size and time to
the nanosecond (as ``cp -p`` can bring about) is not noticed; remove the cache folder then.

A sub-folder is filled under a temporary name and renamed when it is whole: a process that is killed
while filling leaves nothing behind that counts. One process fills, under a lock that the kernel
takes back when the process ends, however it ends; those that want the same images wait for it and
then map the same pages.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, prepare_mask, to_bytes
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import UnreadableImage, read_image, read_mask

FORMAT = 1
"""Raise it when the same rows and settings would give other pixels than before."""

ABANDONED_AFTER_S = 24 * 3600
FILLING, LOCK = ".filling-", ".lock-"


@dataclass(frozen=True)
class PreparedImages:
    """Prepared images, masks and what is known about them, in the same order.

    Attributes:
        images: uint8 (N, S, S); divide by 255 for what ``prepare_image`` returns.
        masks: uint8 (N, S, S) of 0 and 1; all 0 where the manifest names no mask.
        manifest: The N rows that were read.
        failures: The rows that were not, with the reason.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    manifest: pd.DataFrame
    failures: list[Failure]


@dataclass(frozen=True)
class _Task:
    path: Path
    lung_mask: Path | None
    settings: Preprocessing


@dataclass(frozen=True)
class _Prepared:
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None


def load_images(
    manifest: pd.DataFrame,
    settings: Preprocessing,
    *,
    cache: Path | None,
    workers: int = 1,
    progress: bool = True,
) -> PreparedImages:
    """Prepare the images and masks of a manifest, or take them from the cache.

    Args:
        manifest: As ``read_manifest`` returns it.
        settings: Size and exposure.
        cache: Folder that keeps prepared images, made if missing; None keeps them in memory.
        workers: Number of processes that read.
        progress: Show a bar while reading.

    Returns:
        The images of all rows that could be read. Arrays from a cache are memory-mapped; writing to
        them does not change the cache.
    """
    tasks = [
        _Task(Path(path), Path(mask) if mask else None, settings)
        for path, mask in zip(manifest["path"], manifest["lung_mask"], strict=True)
    ]
    if cache is None:
        return _in_memory(tasks, manifest, settings, workers=workers, progress=progress)
    folder = cache / _digest(tasks, settings)
    if not folder.is_dir():
        with _alone(folder):
            if not folder.is_dir():  # another process may have filled it while this one waited
                _fill(folder, tasks, settings, workers=workers, progress=progress)
    return _open(folder, manifest)


def _in_memory(
    tasks: list[_Task],
    manifest: pd.DataFrame,
    settings: Preprocessing,
    *,
    workers: int,
    progress: bool,
) -> PreparedImages:
    images = np.zeros((len(tasks), settings.size_px, settings.size_px), dtype=np.uint8)
    masks = np.zeros_like(images)
    reasons = _prepare_all(tasks, images, masks, workers=workers, progress=progress)
    read = [row for row in range(len(tasks)) if row not in reasons]
    return PreparedImages(
        images=images[read],
        masks=masks[read],
        manifest=manifest.iloc[read].reset_index(drop=True),
        failures=[Failure(tasks[row].path, reason) for row, reason in reasons.items()],
    )


def _prepare_all(
    tasks: list[_Task],
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    *,
    workers: int,
    progress: bool,
) -> dict[int, str]:
    """Fill ``images`` and ``masks`` (N, S, S); return the rows that failed and why."""
    reasons: dict[int, str] = {}
    prepared = map_items(
        _prepare, tasks, workers=workers, title="Preparing images", progress=progress
    )
    for row, outcome in enumerate(prepared):
        if isinstance(outcome, str):
            reasons[row] = outcome
            continue
        images[row] = outcome.image
        if outcome.mask is not None:  # rows that are never written take no room on the disk
            masks[row] = outcome.mask
    return reasons


def _prepare(task: _Task) -> _Prepared | str:
    """Return the prepared image and mask, or why there is none."""
    mask = None
    try:
        pixels = read_image(task.path).pixels
        if task.lung_mask is not None:
            full = read_mask(task.lung_mask)
            if full.shape != pixels.shape[1:]:
                return f"lung mask of {_size(full.shape)} px, image of {_size(pixels.shape[1:])} px"
            mask = prepare_mask(full, task.settings.size_px)
    except UnreadableImage as error:
        return error.reason if error.path == task.path else f"lung mask: {error.reason}"
    return _Prepared(image=to_bytes(prepare_image(pixels, task.settings)[0]), mask=mask)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)


def _fill(
    folder: Path, tasks: list[_Task], settings: Preprocessing, *, workers: int, progress: bool
) -> None:
    _remove_abandoned(folder.parent)
    filling = Path(tempfile.mkdtemp(prefix=FILLING, dir=folder.parent))
    try:
        shape = (len(tasks), settings.size_px, settings.size_px)
        images, masks = (_new_array(filling / f"{name}.npy", shape) for name in ("images", "masks"))
        reasons = _prepare_all(tasks, images, masks, workers=workers, progress=progress)
        for array in (images, masks):
            if isinstance(array, np.memmap):
                array.flush()
        (filling / "failures.json").write_text(json.dumps(reasons), encoding="utf-8")
        _publish(filling, folder)
    finally:
        shutil.rmtree(filling, ignore_errors=True)


def _new_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if 0 in shape:  # nothing to map
        np.save(path, np.zeros(shape, dtype=np.uint8))
        return np.zeros(shape, dtype=np.uint8)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time fill ``folder``; needs a file system with locks, as NFS 4 has."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{LOCK}{folder.name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _publish(filling: Path, folder: Path) -> None:
    try:
        os.rename(filling, folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was first, with the same content
            raise


def _remove_abandoned(cache: Path) -> None:
    for folder in cache.glob(f"{FILLING}*"):
        with suppress(FileNotFoundError):  # another process has just filled and published it
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)


def _open(folder: Path, manifest: pd.DataFrame) -> PreparedImages:
    reasons = json.loads((folder / "failures.json").read_text(encoding="utf-8"))
    failed = {int(row): str(reason) for row, reason in reasons.items()}
    images, masks = (_load_array(folder / f"{name}.npy") for name in ("images", "masks"))
    read = [row for row in range(len(images)) if row not in failed]
    if failed:
        images, masks = images[read], masks[read]
    return PreparedImages(
        images=images,
        masks=masks,
        manifest=manifest.iloc[read].reset_index(drop=True),
        failures=[Failure(Path(manifest["path"].iloc[row]), why) for row, why in failed.items()],
    )


def _load_array(path: Path) -> NDArray[np.uint8]:
    try:
        return np.asarray(np.load(path, mmap_mode="c"))
    except ValueError:  # an array without elements cannot be mapped
        return np.asarray(np.load(path))


def _digest(tasks: list[_Task], settings: Preprocessing) -> str:
    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps([FORMAT, asdict(settings)], sort_keys=True).encode())
    for line in _identities(tasks):
        digest.update(json.dumps(line).encode())
    return digest.hexdigest()


def _identities(tasks: list[_Task]) -> Iterator[list[Any]]:
    for task in tasks:
        yield [*_identity(task.path), *(_identity(task.lung_mask) if task.lung_mask else [])]


def _identity(path: Path) -> list[Any]:
    try:
        status = path.stat()
    except OSError:
        return [str(path), "missing"]
    return [str(path), status.st_size, status.st_mtime_ns]
