"""Stage 1 of a study: train the lung segmenter or take the given one, score it, predict masks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from data.failures import Failure, write_failures
from data.fitting import read_epochs
from data.manifest import concatenate, read_manifest, write_manifest
from data.package import WEIGHTS
from data.splits import assign_splits
from pipeline.config import SegmentationConfig, StudyConfig
from pipeline.config.settings import build_settings, plain_settings
from pipeline.study.films import StudyFilms, with_masks
from pipeline.study.sources import MANIFEST
from pipeline.study.steps import Step, digest_file, digest_manifest, digest_values
from segmentation.predict import predict_masks
from segmentation.score import score_masks, summarise_scores
from segmentation.settings import SegmentationSettings
from segmentation.training import train_segmenter

FOLDER = "lungs"
SEED = 0
OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class LungsPlan:
    """How a study comes to its lung segmenter.

    Attributes:
        package: The segmenter's model package, there or to be made.
        digest: Of what it is made from.
        step: Training it; None when it was given.
        settings: Of its training.
        training: Films it is made from, with splits; None when it was given.
    """

    package: Path
    digest: str
    step: Step | None = None
    settings: SegmentationSettings | None = None
    training: pd.DataFrame | None = None

    @property
    def params(self) -> dict[str, Any]:
        """Settings as plain values."""
        return plain_settings(self.settings) if self.settings else {}


@dataclass(frozen=True)
class Lungs:
    """What stage 1 leaves behind.

    Attributes:
        package: The segmenter's model package.
        digest: Of what it was made from.
        films: The study's films with their masks.
        scores: Summary by test dataset, as ``segmentation.score.summarise_scores``.
        predicted: Each tested dataset's films with predicted masks.
        reference: The same films with reference masks.
        epochs: Metrics of every epoch of its training; empty when it was given.
    """

    package: Path
    digest: str
    films: StudyFilms
    scores: dict[str, dict[str, Any]]
    predicted: dict[str, pd.DataFrame]
    reference: dict[str, pd.DataFrame]
    epochs: list[dict[str, float]]


def plan_lungs(config: StudyConfig, films: StudyFilms, out: Path) -> LungsPlan:
    """Say what the lung segmenter is made from.

    Raises:
        ValueError: If a dataset it is to be trained on has no reference masks.
    """
    section = _section(config)
    if section.package is not None:
        return LungsPlan(section.package, digest_file(section.package / WEIGHTS))
    settings = build_settings(SegmentationSettings, section.settings, where="segmentation.settings")
    frames = [_with_reference(films.datasets[name], name) for name in section.train]
    training = assign_splits(concatenate(*frames), seed=SEED, keep=True)
    inputs = {
        "settings": plain_settings(settings),
        "films": digest_manifest(training),
        "seed": SEED,
    }
    step = Step(out / FOLDER / "segmenter", digest_values(inputs))
    return LungsPlan(step.folder / "package", step.digest, step, settings, training)


def train_lungs(plan: LungsPlan, out: Path, *, on_epoch: OnEpoch) -> None:
    """Train the study's lung segmenter, once; an interrupted training goes on."""
    if plan.step is None or plan.settings is None or plan.training is None:
        raise ValueError("this study's lung segmenter was given, not to be trained")
    if plan.step.is_finished:
        return
    plan.step.begin()
    train_segmenter(
        plan.training, plan.settings, plan.step.folder,
        cache=out / "cache", seed=SEED, on_epoch=on_epoch, progress=False,
    )  # fmt: skip
    plan.step.finish()


def apply_lungs(
    config: StudyConfig, films: StudyFilms, plan: LungsPlan, out: Path, *, progress: bool
) -> Lungs:
    """Predict the masks a study needs, score them where references exist, hand them to stage 2."""
    section = _section(config)
    reference = _references(section, films, plan.training)
    predicted = {
        name: _predict(name, wanted, out, plan, progress=progress)
        for name, wanted in _wanted(films, reference, section).items()
    }
    scores = {
        name: summarise_scores(score_masks(predicted[name], rows))
        for name, rows in reference.items()
    }
    masked = concatenate(*predicted.values())
    if section.replace == "missing":
        masked = masked[~masked["image_id"].isin(_own_masks(films))]
    return Lungs(
        package=plan.package,
        digest=plan.digest,
        films=replace(
            films,
            pool=with_masks(films.pool, masked),
            external={test: with_masks(rows, masked) for test, rows in films.external.items()},
        ),
        scores=scores,
        predicted={name: predicted[name] for name in reference},
        reference=reference,
        epochs=read_epochs(plan.step.folder) if plan.step else [],
    )


def _section(config: StudyConfig) -> SegmentationConfig:
    if config.segmentation is None:
        raise ValueError("segmentation: the study has no such section")
    return config.segmentation


def _with_reference(films: pd.DataFrame, name: str) -> pd.DataFrame:
    found = films[(films["lung_mask"] != "") & (films["mask_source"] != "predicted")]
    if found.empty:
        raise ValueError(f"segmentation: dataset {name!r} has no reference lung masks")
    return found.drop_duplicates("image_id").reset_index(drop=True)


def _references(
    section: SegmentationConfig, films: StudyFilms, training: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """Films to score by dataset: the segmenter's own test split, and the whole of each test."""
    references = {}
    if training is not None:
        own = training[training["split"] == "test"]
        references = {str(name): rows for name, rows in own.groupby("dataset")}
    tests = {name: _with_reference(films.datasets[name], name) for name in section.test}
    return {**references, **tests}


def _wanted(
    films: StudyFilms, reference: dict[str, pd.DataFrame], section: SegmentationConfig
) -> dict[str, pd.DataFrame]:
    """Films to predict a mask for, by dataset: those to score and those of stage 2."""
    used = concatenate(films.pool, *films.external.values())
    if section.replace == "missing":
        used = used[used["lung_mask"] == ""]
    wanted: dict[str, pd.DataFrame] = {}
    for name in films.datasets:
        parts = [used[used["dataset"] == name], *([reference[name]] if name in reference else [])]
        joined = concatenate(*parts).drop_duplicates("image_id").reset_index(drop=True)
        if len(joined):
            wanted[name] = joined
    return wanted


def _own_masks(films: StudyFilms) -> set[str]:
    used = concatenate(films.pool, *films.external.values())
    return set(used.loc[used["lung_mask"] != "", "image_id"])


def _predict(
    name: str, films: pd.DataFrame, out: Path, plan: LungsPlan, *, progress: bool
) -> pd.DataFrame:
    blank = films.assign(lung_mask="", mask_source="", mask_quality="", split="")
    inputs = {"segmenter": plan.digest, "films": digest_manifest(blank)}
    step = Step(out / FOLDER / "masks" / name, digest_values(inputs))
    if not step.is_finished:
        step.begin()
        masked, failures = predict_masks(blank, plan.package, step.folder, progress=progress)
        _write(masked, failures, step.folder)
        step.finish()
    return read_manifest(step.folder / MANIFEST)


def _write(masked: pd.DataFrame, failures: list[Failure], folder: Path) -> None:
    write_manifest(masked, folder / MANIFEST)
    write_failures(failures, folder / "failures.csv")
