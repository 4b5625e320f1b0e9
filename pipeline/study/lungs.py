"""Stage 1 of a study: train the lung segmenter or take the given one, score it, predict masks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.package import WEIGHTS
from isnet_cxr.data.manifests.failures import Failure, write_failures
from isnet_cxr.data.manifests.manifest import concatenate, read_manifest, write_manifest
from isnet_cxr.data.manifests.splits import assign_splits
from isnet_cxr.data.settings import plain_settings
from isnet_cxr.pipeline.config import SegmentationConfig, StudyConfig
from isnet_cxr.pipeline.study.images import StudyImages, with_masks
from isnet_cxr.pipeline.study.machine import automatic_device, number_of_workers
from isnet_cxr.pipeline.study.sources import MANIFEST
from isnet_cxr.pipeline.study.steps import digest_file, digest_manifest, digest_values, once
from isnet_cxr.segmentation.predict import predict_masks
from isnet_cxr.segmentation.score import score_masks, summarise_scores
from isnet_cxr.segmentation.self_training import (
    read_history,
    second_epochs,
    train_with_unlabelled,
)
from isnet_cxr.segmentation.settings import SegmentationSettings
from isnet_cxr.segmentation.training import train_segmenter

FOLDER = "lungs"
SEED = 0
OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class LungsPlan:
    """How a study comes to its lung segmenter.

    Attributes:
        package: The segmenter's model package, there or to be made.
        digest: Of what it is made from.
        folder: Where it is trained; None when it was given.
        settings: Of its training.
        training: Images it is made from, with splits; None when it was given.
        unlabelled: Images without reference masks that a second training learns from, too; None
            without one.
    """

    package: Path
    digest: str
    folder: Path | None = None
    settings: SegmentationSettings | None = None
    training: pd.DataFrame | None = None
    unlabelled: pd.DataFrame | None = None

    @property
    def params(self) -> dict[str, Any]:
        """Settings as plain values."""
        return plain_settings(self.settings) if self.settings else {}

    @property
    def epochs(self) -> int:
        """Epochs of its training, or of both."""
        if self.settings is None:
            return 0
        return self.settings.epochs + (
            second_epochs(self.settings) if self.unlabelled is not None else 0
        )


@dataclass(frozen=True)
class Lungs:
    """What stage 1 leaves behind.

    Attributes:
        package: The segmenter's model package.
        digest: Of what it was made from.
        images: The study's images with their masks.
        scores: Summary by test dataset, as ``isnet_cxr.segmentation.score.summarise_scores``.
        predicted: Each tested dataset's images with predicted masks.
        reference: The same images with reference masks.
        epochs: Metrics of every epoch of its training; empty when it was given.
    """

    package: Path
    digest: str
    images: StudyImages
    scores: dict[str, dict[str, Any]]
    predicted: dict[str, pd.DataFrame]
    reference: dict[str, pd.DataFrame]
    epochs: list[dict[str, float]]


def plan_lungs(config: StudyConfig, images: StudyImages, out: Path) -> LungsPlan:
    """Say what the lung segmenter is made from.

    Raises:
        InputError: If a dataset it is to be trained on has no reference masks.
    """
    section = _section(config)
    if section.package is not None:
        return LungsPlan(section.package, digest_file(section.package / WEIGHTS))
    settings = config.segmentation_settings
    assert settings is not None, "by the schema"
    frames = [_with_reference(images.datasets[name], name) for name in section.train]
    training = assign_splits(concatenate(*frames), seed=SEED, keep=True)
    inputs = {
        "settings": plain_settings(settings),
        "images": digest_manifest(training),
        "seed": SEED,
    }
    unlabelled = _unlabelled(section, images)
    if unlabelled is not None:
        inputs["unlabelled"] = digest_manifest(unlabelled)
    folder, digest = out / FOLDER / "segmenter", digest_values(inputs)
    return LungsPlan(folder / "package", digest, folder, settings, training, unlabelled)


def train_lungs(plan: LungsPlan, out: Path, *, on_epoch: OnEpoch) -> None:
    """Train the study's lung segmenter, once; an interrupted training goes on."""
    settings, training = plan.settings, plan.training
    if plan.folder is None or settings is None or training is None:
        raise InputError("this study's lung segmenter was given, not to be trained")

    def find(package: Path, folder: Path) -> pd.DataFrame:
        assert plan.unlabelled is not None
        return _segment(plan.unlabelled, package, folder, progress=False)[0]

    def make(folder: Path) -> None:
        if plan.unlabelled is None:
            train_segmenter(
                training, settings, folder,
                cache=out / "cache", seed=SEED, on_epoch=on_epoch, progress=False,
            )  # fmt: skip
        else:
            train_with_unlabelled(
                training, find, settings, folder,
                cache=out / "cache", seed=SEED, on_epoch=on_epoch, progress=False,
            )  # fmt: skip

    once(plan.folder, {"digest": plan.digest}, make)


def apply_lungs(
    config: StudyConfig, images: StudyImages, plan: LungsPlan, out: Path, *, progress: bool
) -> Lungs:
    """Predict the masks a study needs, score them where references exist, hand them to stage 2."""
    section = _section(config)
    reference = _references(section, images, plan.training)
    predicted = {
        name: _predict(name, wanted, out, plan, progress=progress)
        for name, wanted in _wanted(images, reference, section).items()
    }
    scores = {
        name: summarise_scores(score_masks(predicted[name], rows))
        for name, rows in reference.items()
    }
    masked = concatenate(*predicted.values())
    if section.replace == "missing":
        masked = masked[~masked["image_id"].isin(_own_masks(images))]
    return Lungs(
        package=plan.package,
        digest=plan.digest,
        images=replace(
            images,
            development=with_masks(images.development, masked),
            external={test: with_masks(rows, masked) for test, rows in images.external.items()},
        ),
        scores=scores,
        predicted={name: predicted[name] for name in reference},
        reference=reference,
        epochs=read_history(plan.folder) if plan.folder else [],
    )


def _section(config: StudyConfig) -> SegmentationConfig:
    if config.segmentation is None:
        raise InputError("segmentation: the study has no such section")
    return config.segmentation


def _with_reference(images: pd.DataFrame, name: str) -> pd.DataFrame:
    found = images[(images["lung_mask"] != "") & (images["mask_source"] != "predicted")]
    if found.empty:
        raise InputError(f"segmentation: dataset {name!r} has no reference lung masks")
    return found.drop_duplicates("image_id").reset_index(drop=True)


def _unlabelled(section: SegmentationConfig, images: StudyImages) -> pd.DataFrame | None:
    """Return the images of ``unlabelled`` that the classifiers train on, without masks."""
    if not section.unlabelled:
        return None
    own = images.development
    chosen = own[own["dataset"].isin(section.unlabelled) & (own["split"] == "train")]
    blank = chosen.assign(lung_mask="", mask_source="", mask_quality="", split="")
    return blank.drop_duplicates("image_id").reset_index(drop=True)


def _references(
    section: SegmentationConfig, images: StudyImages, training: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Images to score by dataset: the segmenter's internal test, and the whole of each other."""
    references = {}
    if training is not None:
        own = training[training["split"] == "test"]
        references = {str(name): rows for name, rows in own.groupby("dataset")}
    tests = {name: _with_reference(images.datasets[name], name) for name in section.test}
    return {**references, **tests}


def _wanted(
    images: StudyImages, reference: dict[str, pd.DataFrame], section: SegmentationConfig
) -> dict[str, pd.DataFrame]:
    """Images to predict a mask for, by dataset: those to score and those of stage 2."""
    used = concatenate(images.development, *images.external.values())
    if section.replace == "missing":
        used = used[used["lung_mask"] == ""]
    wanted: dict[str, pd.DataFrame] = {}
    for name in images.datasets:
        parts = [used[used["dataset"] == name], *([reference[name]] if name in reference else [])]
        joined = concatenate(*parts).drop_duplicates("image_id").reset_index(drop=True)
        if len(joined):
            wanted[name] = joined
    return wanted


def _own_masks(images: StudyImages) -> set[str]:
    used = concatenate(images.development, *images.external.values())
    return set(used.loc[used["lung_mask"] != "", "image_id"])


def _predict(
    name: str, images: pd.DataFrame, out: Path, plan: LungsPlan, *, progress: bool
) -> pd.DataFrame:
    blank = images.assign(lung_mask="", mask_source="", mask_quality="", split="")
    inputs = {"segmenter": plan.digest, "images": digest_manifest(blank)}

    def make(folder: Path) -> None:
        _write(*_segment(blank, plan.package, folder, progress=progress), folder)

    return read_manifest(once(out / FOLDER / "masks" / name, inputs, make) / MANIFEST)


def _segment(
    images: pd.DataFrame, package: Path, folder: Path, *, progress: bool
) -> tuple[pd.DataFrame, list[Failure]]:
    return predict_masks(
        images,
        package,
        folder,
        device=automatic_device(),
        workers=number_of_workers(),
        progress=progress,
    )


def _write(masked: pd.DataFrame, failures: list[Failure], folder: Path) -> None:
    write_manifest(masked, folder / MANIFEST)
    write_failures(failures, folder / "failures.csv")
