"""Training a classifier: a manifest in, a model package out.

A training is resumed at epoch boundaries from ``out/checkpoints`` and then equals one that was
never interrupted: every random draw derives from (seed, epoch, step).

Several processes may train one classifier together (``data.learning.processes``): a batch of
``batch_size`` images is shared among them. What they train is what one process trains, up to
rounding, where a method scores images one by one and the network has no batch norm. Elsewhere it
is another training of the same kind: batch norm, exchanged backgrounds and random choices then
see a process's share in place of the batch. ``processes`` is kept with the package.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.classification.batches import (
    ImageRows,
    ShuffledBatches,
    Stored,
    in_order,
    loader,
    shared_in_order,
)
from isnet_cxr.classification.finishing import Trained, write_trained
from isnet_cxr.classification.learner import ClassifierLearner
from isnet_cxr.classification.methods import METHODS, Setup, needs_of
from isnet_cxr.classification.objective import Objective
from isnet_cxr.classification.reading import new_network, plain_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning import processes
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.learning.fitting import (
    CHECKPOINTS,
    FittingSettings,
    OnEpoch,
    claim_folder,
    digest_rows,
    fit,
)  # fmt: skip
from isnet_cxr.data.learning.package import WEIGHTS

STATISTICS_IMAGES = 256  # batch-norm statistics are taken from so many training images


@dataclass(frozen=True)
class _Images:
    train: ImageRows
    val: ImageRows
    class_weights: Tensor
    groups: int


def train_classifier(
    manifest: pd.DataFrame,
    settings: ClassifierSettings,
    out: Path,
    *,
    classes: Sequence[str],
    seed: int,
    cache: Path | None,
    on_epoch: OnEpoch | None = None,
    progress: bool = True,
) -> Path:
    """Train on the rows of split train; keep the epoch with the least loss on the rows of val.

    The loss that chooses is the whole one, heatmaps included, with the final weights; no external
    image is ever looked at.

    Args:
        manifest: Rows of train and val; most methods need lung masks.
        settings: Of the training.
        out: Folder for the package, ``epochs.jsonl`` and, until finished, checkpoints.
        classes: Class names, in the order of the network's outputs.
        seed: Source of all randomness.
        cache: Folder of prepared images; None prepares them anew.
        on_epoch: Told every epoch's number (from 0) and metrics.
        progress: Show progress bars.

    Returns:
        The model package's folder. A finished training is not repeated.

    Raises:
        InputError: If a split has no row, a label is not in ``classes``, an image has no label, a
            needed mask is missing or empty, or ``out`` holds another training.
    """
    splits = {split: _rows(manifest, split, classes, settings) for split in ("train", "val")}
    digests = {name: digest_rows(rows, ["image_id", "label"]) for name, rows in splits.items()}
    plain = plain_classifier(settings)
    description = {"settings": plain, "classes": list(classes), "seed": seed, "images": digests}
    if processes.count() > 1:
        description["processes"] = processes.count()
    claim_folder(out, description)
    package = out / "package"
    if (package / WEIGHTS).is_file():
        return package
    images = _load(splits, settings, classes, cache, progress=progress)
    network = new_network(settings, classes=len(classes), seed=seed)
    objective = _build(network, images, settings, out, seed=seed, progress=progress)
    best = _fit(network, objective, images, settings, out, seed=seed, report=(on_epoch, progress))
    if processes.is_first():
        trained = Trained(network, best, objective.measured, splits, images.train, images.val)
        write_trained(trained, description, settings, package)
        shutil.rmtree(out / CHECKPOINTS)
    processes.wait_for_all()
    return package


def _fit(
    network: nn.Module,
    objective: Objective,
    images: _Images,
    settings: ClassifierSettings,
    out: Path,
    *,
    seed: int,
    report: tuple[OnEpoch | None, bool],
) -> dict[str, float]:
    """Train ``network`` in place, to its best epoch; return that epoch's metrics."""
    batch_size = min(settings.batch_size, len(images.train))
    processes.check_shares(batch_size, "batch_size")
    batches = ShuffledBatches(len(images.train), batch_size=batch_size, seed=seed)

    def statistics_images() -> list[Stored]:
        count = min(STATISTICS_IMAGES, len(images.train))
        order = np.random.default_rng(seed).permutation(len(images.train))[:count]
        return [images.train[order[rows].tolist()] for rows in in_order(count, 32)]

    learner = ClassifierLearner(
        network, objective, settings,
        steps=settings.epochs * len(batches), seed=seed, statistics_images=statistics_images,
    )  # fmt: skip
    on_epoch, progress = report
    return fit(
        learner,
        loader(images.train, batches),
        loader(images.val, shared_in_order(len(images.val), 2 * settings.batch_size)),
        FittingSettings(
            settings.epochs, monitor="val_loss", mode="min", patience=settings.patience,
            precision=settings.precision,
        ),
        out,
        on_epoch=on_epoch,
        progress=progress,
    )  # fmt: skip


def _build(
    network: nn.Module,
    images: _Images,
    settings: ClassifierSettings,
    out: Path,
    *,
    seed: int,
    progress: bool,
) -> Objective:
    """Return what the method minimises; a first stage of its own runs here."""

    def train_first(objective: Objective, epochs: int) -> None:
        first, folder = replace(settings, epochs=epochs, patience=0), out / "first-stage"
        _fit(network, objective, images, first, folder, seed=seed, report=(None, progress))
        processes.wait_for_all()  # each has read the weights
        if processes.is_first():
            shutil.rmtree(folder)

    return METHODS[settings.method].build(
        Setup(
            network=network,
            class_weights=images.class_weights,
            own=settings.method_settings,
            settings=settings,
            groups=images.groups,
            rows=images.train,
            seed=seed,
            folder=out,
            train_first=train_first,
        )
    )


def _rows(
    manifest: pd.DataFrame, split: str, classes: Sequence[str], settings: ClassifierSettings
) -> pd.DataFrame:
    """Return the rows of one split, checked."""
    rows = manifest[manifest["split"] == split]
    if rows.empty:
        raise InputError(f"training needs rows of split {split!r}, the manifest has none")
    unknown = rows[~rows["label"].isin(classes)]
    if len(unknown):
        found = unknown["label"].iloc[0]
        what = f"the unknown class {found!r}" if found else "no label"
        raise InputError(
            f"image {unknown['image_id'].iloc[0]} has {what}: expected one of {list(classes)}"
        )
    bare = rows[rows["lung_mask"] == ""]
    if needs_of(settings).lung_masks_in_training and len(bare):
        raise InputError(
            f"method {settings.method!r} needs a lung mask for every image: "
            f"{len(bare)} of split {split!r} have none, image {bare['image_id'].iloc[0]} first"
        )
    return rows


def _hospitals(manifest: pd.DataFrame) -> pd.Series:
    """Return each image's hospital: its site, or its dataset where no site is told."""
    return manifest["site"].where(manifest["site"] != "", manifest["dataset"])


def _load(
    splits: dict[str, pd.DataFrame],
    settings: ClassifierSettings,
    classes: Sequence[str],
    cache: Path | None,
    *,
    progress: bool,
) -> _Images:
    """Load the images of both splits, and weigh classes by how rare they are."""
    rows, labels = {}, {}
    hospitals = sorted(set(pd.concat([_hospitals(frame) for frame in splits.values()])))
    number = {name: index for index, name in enumerate(hospitals)}
    for split, frame in splits.items():
        images = load_images(frame, settings.preprocessing, cache=cache, progress=progress)
        if images.failures:
            first = images.failures[0]
            raise InputError(
                f"{len(images.failures)} images of split {split!r} cannot be read: "
                f"{first.path}: {first.reason}"
            )
        empty = images.manifest["image_id"].iloc[np.flatnonzero(~images.masks.any(axis=(1, 2)))]
        if needs_of(settings).lung_masks_in_training and len(empty):
            raise InputError(
                f"{len(empty)} lung masks of split {split!r} are empty, image {empty.iloc[0]} first"
            )
        labels[split] = _indices(images.manifest, classes)
        bias = BIAS_TESTS[settings.bias] if settings.bias else None
        site = _hospitals(images.manifest).map(number).to_numpy(dtype=np.int64)
        groups = labels[split] * len(hospitals) + site
        rows[split] = ImageRows(
            images, labels[split], groups=groups, bias=bias, classes=len(classes)
        )
    counts = np.bincount(labels["train"], minlength=len(classes))
    if not counts.all():
        missing = classes[int(counts.argmin())]
        raise InputError(f"class {missing!r} has no image of split 'train'")
    weights = torch.tensor(counts.sum() / (len(classes) * counts), dtype=torch.float32)
    return _Images(rows["train"], rows["val"], weights, len(classes) * len(hospitals))


def _indices(manifest: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    index = {name: number for number, name in enumerate(classes)}
    return np.asarray([index[label] for label in manifest["label"]], dtype=np.int64)
