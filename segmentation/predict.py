"""Lung masks for every image of a manifest, and why some are not good."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, shrink
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.review.flags import SIZE_PX, suspect_shrunk
from isnet_cxr.data.writers import write_mask
from isnet_cxr.segmentation.quality import Verdict
from isnet_cxr.segmentation.segmenter import LungSegmenter

BATCH_SIZE = 16
REASONS = "quality.csv"


def predict_masks(
    manifest: pd.DataFrame,
    package: Path,
    out: Path,
    *,
    device: str | torch.device = "cpu",
    workers: int = 1,
    progress: bool = True,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Write a lung mask for every image of a manifest.

    Args:
        manifest: Images; masks that it has are not looked at.
        package: Model package of a lung segmenter.
        out: Folder for ``masks/<image_id>.png`` and ``quality.csv`` (verdicts and
            review flags with reasons), made
            if missing.
        device: Where the network runs.
        workers: Number of processes that read.
        progress: Show a progress bar.

    Returns:
        The manifest's readable rows with lung_mask, mask_source "predicted", mask_quality and
        review_flag; and the images that could not be read. An image without lungs has an empty
        mask, quality failed.

    Raises:
        FileNotFoundError: If a file of ``package`` is missing.
        InputError: If ``package`` is no lung segmenter.
    """
    segmenter = LungSegmenter.load(package, device)
    tasks = [_Task(Path(path), segmenter.preprocessing) for path in manifest["path"]]
    outcomes = map_items(
        _prepare, tasks, workers=workers, title="Segmenting lungs", progress=progress
    )
    failures: list[Failure] = []
    found: dict[int, _Found] = {}
    for batch in _batches(_readable(outcomes, tasks, failures)):
        squares = np.stack([prepared.square for _, prepared in batch])
        lungs = segmenter.segment_prepared(squares, [prepared.size for _, prepared in batch])
        for (row, prepared), lung in zip(batch, lungs, strict=True):
            write_mask(lung.mask, _mask_path(out, manifest["image_id"].iloc[row]))
            review_flag = suspect_shrunk(prepared.shrunk, lung.mask)
            found[row] = _Found(Verdict(lung.quality, lung.reasons), review_flag)
    return _record(manifest, found, out), failures


@dataclass(frozen=True)
class _Task:
    path: Path
    settings: Preprocessing


@dataclass(frozen=True)
class _Prepared:
    """An image (1, S, S), its height and width in px before that, and the image for review_flag."""

    square: NDArray[np.float32]
    size: tuple[int, int]
    shrunk: NDArray[np.float32]


@dataclass(frozen=True)
class _Found:
    """What is said of an image's mask, and of the image."""

    verdict: Verdict
    review_flag: tuple[str, ...]


def _prepare(task: _Task) -> _Prepared | str:
    """Return the prepared image, or why there is none."""
    try:
        pixels = read_image(task.path).pixels
    except UnreadableImage as error:
        return error.reason
    size = (pixels.shape[1], pixels.shape[2])
    return _Prepared(prepare_image(pixels, task.settings), size, shrink(pixels[0], SIZE_PX))


def _readable(
    outcomes: Iterable[_Prepared | str], tasks: list[_Task], failures: list[Failure]
) -> Iterator[tuple[int, _Prepared]]:
    """Yield what could be read with its row; add the rest to ``failures``."""
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, str):
            failures.append(Failure(tasks[row].path, outcome))
        else:
            yield row, outcome


def _batches(
    images: Iterator[tuple[int, _Prepared]],
) -> Iterator[list[tuple[int, _Prepared]]]:
    while batch := list(islice(images, BATCH_SIZE)):
        yield batch


def _mask_path(out: Path, image_id: str) -> Path:
    return out.absolute() / "masks" / f"{image_id}.png"


def _record(manifest: pd.DataFrame, found: dict[int, _Found], out: Path) -> pd.DataFrame:
    """Return the segmented rows with their masks; write why a mask or its image is not good."""
    rows = manifest.iloc[list(found)].assign(
        lung_mask=lambda frame: [str(_mask_path(out, image)) for image in frame["image_id"]],
        mask_source="predicted",
        mask_quality=[one.verdict.quality for one in found.values()],
        review_flag=["; ".join(one.review_flag) for one in found.values()],
    )
    reasons = rows[["image_id", "mask_quality", "review_flag"]].assign(
        reasons=["; ".join(one.verdict.reasons) for one in found.values()]
    )
    out.mkdir(parents=True, exist_ok=True)
    reasons.to_csv(out / REASONS, index=False)
    return validate(rows)
