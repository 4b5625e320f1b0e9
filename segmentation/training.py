"""Training a lung segmenter: a manifest in, a model package out.

A training is resumed at epoch boundaries from ``out/checkpoints`` and then equals one that was
never interrupted: every random draw derives from (seed, epoch, step).
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Sampler, SequentialSampler, TensorDataset

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.cache import PreparedImages, load_images
from isnet_cxr.data.learning.fitting import (
    CHECKPOINTS,
    FittingSettings,
    OnEpoch,
    claim_folder,
    digest_rows,
    fit,
)
from isnet_cxr.data.learning.package import WEIGHTS, Package, read_package, write_package
from isnet_cxr.data.settings import plain_settings
from isnet_cxr.segmentation.card import write_card
from isnet_cxr.segmentation.learner import LungLearner
from isnet_cxr.segmentation.network import KIND
from isnet_cxr.segmentation.sampling import BalancedBatches
from isnet_cxr.segmentation.settings import SegmentationSettings

__all__ = ["KIND", "SegmentationSettings", "train_segmenter"]


def train_segmenter(
    manifest: pd.DataFrame,
    settings: SegmentationSettings,
    out: Path,
    *,
    cache: Path | None,
    seed: int,
    on_epoch: OnEpoch | None = None,
    start: Path | None = None,
    progress: bool = True,
) -> Path:
    """Train on the rows of split train; keep the epoch with the best Dice on the rows of val.

    Args:
        manifest: Rows of the splits train and val need a lung mask; other rows are left alone.
        settings: Of the training.
        out: Folder for the package, ``epochs.jsonl`` and, until finished, checkpoints.
        cache: Folder of prepared images; None prepares them anew.
        seed: Source of all randomness.
        on_epoch: Told every epoch's number (from 0) and metrics.
        start: Package of a lung segmenter of the same network to go on from; None begins anew.
        progress: Show progress bars.

    Returns:
        The model package's folder. A finished training is not repeated.

    Raises:
        InputError: If a split has no row, a row has no mask or cannot be read, or ``out`` holds a
            training with other settings, seed or images.
    """
    splits = {split: _rows_with_masks(manifest, split) for split in ("train", "val")}
    description = {
        "settings": plain_settings(settings),
        "seed": seed,
        "images": {
            split: digest_rows(rows, ["image_id", "dataset"]) for split, rows in splits.items()
        },
    }
    if start is not None:
        description["start"] = hashlib.sha256((start / WEIGHTS).read_bytes()).hexdigest()[:16]
    claim_folder(out, description)
    package = out / "package"
    if (package / WEIGHTS).is_file():
        return package
    images = {
        split: _load(rows, settings, cache, progress=progress) for split, rows in splits.items()
    }
    network, best = _fit(images, settings, out, start, seed=seed, report=(on_epoch, progress))
    metrics = {f"best_{name}": value for name, value in best.items()}
    card = write_card(splits, settings, metrics, seed=seed)
    write_package(Package(network.state_dict(), _config(settings, seed), metrics, card), package)
    shutil.rmtree(out / CHECKPOINTS)
    return package


def _fit(
    images: dict[str, PreparedImages],
    settings: SegmentationSettings,
    out: Path,
    start: Path | None,
    *,
    seed: int,
    report: tuple[OnEpoch | None, bool],
) -> tuple[nn.Module, dict[str, float]]:
    """Return the network of the best epoch, and that epoch's metrics."""
    batches = BalancedBatches(
        images["train"].manifest["dataset"].tolist(), batch_size=settings.batch_size, seed=seed
    )
    learner = LungLearner(settings, steps=settings.epochs * len(batches), seed=seed)
    if start is not None:
        learner.network.load_state_dict(read_package(start, kind=KIND).weights)
    on_epoch, progress = report
    best = fit(
        learner,
        _loader(images["train"], batches),
        _loader(images["val"], _in_order(images["val"], settings)),
        FittingSettings(settings.epochs, monitor="val_dice", mode="max"),
        out,
        on_epoch=on_epoch,
        progress=progress,
    )
    return learner.network, best


def _rows_with_masks(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    rows = manifest[manifest["split"] == split]
    if rows.empty:
        raise InputError(f"training needs rows of split {split!r}, the manifest has none")
    bare = rows.loc[rows["lung_mask"] == "", "image_id"]
    if len(bare):
        raise InputError(
            f"training needs a lung mask for every row of split {split!r}, "
            f"{len(bare)} have none: image {bare.iloc[0]}, ..."
        )
    return rows


def _load(
    rows: pd.DataFrame, settings: SegmentationSettings, cache: Path | None, *, progress: bool
) -> PreparedImages:
    images = load_images(rows, settings.preprocessing, cache=cache, progress=progress)
    if images.failures:
        first = images.failures[0]
        raise InputError(
            f"{len(images.failures)} training images cannot be read: {first.path}: {first.reason}"
        )
    return images


def _loader(images: PreparedImages, batches: Sampler[list[int]]) -> DataLoader[Any]:
    """Serve batches of images that are already in memory: no workers, no collating."""
    dataset = TensorDataset(torch.from_numpy(images.images), torch.from_numpy(images.masks))
    return DataLoader(dataset, sampler=batches, batch_size=None)


def _in_order(images: PreparedImages, settings: SegmentationSettings) -> Sampler[list[int]]:
    rows = SequentialSampler(range(len(images.images)))
    return BatchSampler(rows, settings.batch_size, drop_last=False)


def _config(settings: SegmentationSettings, seed: int) -> dict[str, Any]:
    """Return what rebuilds the segmenter, and how it was trained."""
    plain = plain_settings(settings)
    return {
        "kind": KIND,
        "classes": ["lung"],
        "network": plain.pop("network"),
        "preprocessing": plain.pop("preprocessing"),
        "threshold": plain.pop("threshold"),
        "test_time_mirror": plain.pop("test_time_mirror"),
        "training": {**plain, "seed": seed},
    }
