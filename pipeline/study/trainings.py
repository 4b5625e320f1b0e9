"""Stage 2 of a study: every classifier and seed is trained and tested in a process of its own."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.learning.fitting import read_epochs
from isnet_cxr.data.learning.package import LUNGS
from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.config.settings import build_settings, merge, plain_settings
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.parallel import Tell
from isnet_cxr.pipeline.study.samples import choose_samples
from isnet_cxr.pipeline.study.steps import Step, digest_manifest, digest_values

"""Folder of a classifier's package that holds the lung segmenter's."""

MARK_TESTS: dict[str, Literal["biased", "deceiving"] | None] = {
    "biased": "biased",
    "unbiased": None,
    "deceiving": "deceiving",
}


@dataclass(frozen=True)
class Training:
    """One classifier with one seed.

    Attributes:
        classifier: Its name in the study.
        settings: Of the training.
        seed: Source of its randomness.
        folder: Where everything about it goes.
        learn: Digest of what decides the trained network.
        test: Digest of what decides its predictions, ``learn`` included.
    """

    classifier: str
    settings: ClassifierSettings
    seed: int
    folder: Path
    learn: str
    test: str

    @property
    def name(self) -> str:
        """What the training is called in MLflow and in messages."""
        marked = " with marks" if self.settings.marks else ""
        return f"{self.classifier}{marked} seed {self.seed}"

    @property
    def learning(self) -> Step:
        """Training the network."""
        return Step(self.folder / "learning", self.learn)

    @property
    def testing(self) -> Step:
        """Predicting and explaining the images of every test."""
        return Step(self.folder / "testing", self.test)

    @property
    def package(self) -> Path:
        """The trained network."""
        return self.learning.folder / "package"

    def epochs(self) -> list[dict[str, float]]:
        """Metrics of every finished epoch."""
        return read_epochs(self.learning.folder)

    def predictions(self, test: str) -> pd.DataFrame:
        """One row per image of ``test``, as ``isnet_cxr.pipeline.prediction.evaluation`` returns them."""
        return pd.read_csv(self.testing.folder / f"{test}.csv", keep_default_na=True)


@dataclass(frozen=True)
class Job:
    """What a training's process is given; everything else it reads from disk.

    Attributes:
        training: What to train.
        development: Manifest of the development set, with splits and masks.
        tests: Manifest of each test by name.
        samples: Manifest of the images of each test that are explained for the report.
        classes: Class names.
        lungs: Package of the lung segmenter, if there is one.
        cache: Folder of prepared images, shared by all trainings.
        threads: CPU threads it may use.
    """

    training: Training
    development: Path
    tests: Mapping[str, Path]
    samples: Mapping[str, Path]
    classes: tuple[str, ...]
    lungs: Path | None
    cache: Path
    threads: int


def plan_trainings(
    config: StudyConfig, images: StudyImages, out: Path, *, lungs: str
) -> list[Training]:
    """List the trainings of a study, marked ones last; ``lungs`` is the segmenter's digest."""
    learned = digest_manifest(
        images.development[images.development["split"].isin(["train", "val"])]
    )
    tested = {name: digest_manifest(rows) for name, rows in images.tests.items()}
    trainings = []
    for name, settings, seed in _combinations(config):
        inputs = {
            "settings": plain_settings(settings),
            "seed": seed,
            "images": learned,
            "classes": config.classes,
            "lungs": lungs,
        }
        learn = digest_values(inputs)
        tests = {"internal": tested["internal"]} if settings.marks else tested
        test = {"learn": learn, "tests": tests, "samples": config.samples_per_class}
        folder = out / ("marks" if settings.marks else "classifiers") / name / f"seed-{seed}"
        trainings.append(Training(name, settings, seed, folder, learn, digest_values(test)))
    return trainings


def plan_jobs(
    config: StudyConfig,
    images: StudyImages,
    trainings: list[Training],
    out: Path,
    *,
    lungs: Path | None,
) -> list[Job]:
    """Write the manifests and list the jobs for the trainings that are not finished.

    Args:
        config: The study.
        images: Its images, with masks.
        trainings: All of its trainings.
        out: The study's folder.
        lungs: The lung segmenter's package, which every classifier's package carries.
    """
    development = _written(images.development, out / "images" / "development.parquet")
    tests = {
        name: _written(rows, out / "images" / "tests" / f"{name}.parquet")
        for name, rows in images.tests.items()
    }
    samples = {
        name: _written(
            choose_samples(rows, config.classes, per_class=config.samples_per_class),
            out / "images" / "samples" / f"{name}.parquet",
        )
        for name, rows in images.tests.items()
    }
    return [
        Job(
            training=training,
            development=development,
            tests={"internal": tests["internal"]} if training.settings.marks else tests,
            samples={} if training.settings.marks else samples,
            classes=tuple(config.classes),
            lungs=lungs,
            cache=out / "cache",
            threads=config.threads_per_training,
        )
        for training in trainings
        if not (training.learning.is_finished and training.testing.is_finished)
    ]


def work(job: Job, tell: Tell) -> None:
    """Train and test one classifier; what is finished is not repeated.

    Runs in a process of its own. Tells "epoch" with number and metrics, and "stage" with what it
    does next.
    """
    import torch

    torch.set_num_threads(job.threads)
    os.environ["OMP_NUM_THREADS"] = str(job.threads)  # for what it may start itself
    tell("stage", "training")
    _learn(job, tell)
    _test(job, tell)
    tell("done")


def _learn(job: Job, tell: Tell) -> None:
    from isnet_cxr.classification.training import train_classifier
    from isnet_cxr.data.manifests.manifest import read_manifest

    step = job.training.learning
    if step.is_finished:
        return
    step.begin()
    train_classifier(
        read_manifest(job.development),
        job.training.settings,
        step.folder,
        classes=list(job.classes),
        seed=job.training.seed,
        cache=job.cache,
        on_epoch=lambda epoch, metrics: tell("epoch", (epoch, metrics)),
        progress=False,
    )
    if job.lungs is not None:
        shutil.copytree(job.lungs, job.training.package / LUNGS, dirs_exist_ok=True)
    step.finish()


def _test(job: Job, tell: Tell) -> None:
    from isnet_cxr.pipeline.study.samples import explain_samples

    training, step = job.training, job.training.testing
    if step.is_finished:
        return
    step.begin()
    for name, path in job.tests.items():
        if training.settings.marks:
            for test, marks in MARK_TESTS.items():
                _predict(job, path, step.folder / f"{test}.csv", marks=marks)
            continue
        tell("stage", f"tests on {name}")
        _predict(job, path, step.folder / f"{name}.csv", marks=None)
        explain_samples(training.package, job.samples[name], step.folder, name, cache=job.cache)
    step.finish()


def _predict(
    job: Job, manifest: Path, to: Path, *, marks: Literal["biased", "deceiving"] | None
) -> None:
    from isnet_cxr.data.manifests.manifest import read_manifest
    from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier

    predictions = evaluate_classifier(
        job.training.package, read_manifest(manifest), cache=job.cache, marks=marks, progress=False
    )
    predictions.to_csv(to, index=False)


def _combinations(config: StudyConfig) -> Iterator[tuple[str, ClassifierSettings, int]]:
    marked = config.marks.classifiers if config.marks else []
    for with_marks, names in ((False, config.unmarked), (True, marked)):
        for name in names:
            merged: dict[str, Any] = merge(config.defaults, config.classifiers[name])
            settings = build_settings(ClassifierSettings, merged, where=f"classifiers.{name}")
            chosen = config.marks.seeds if with_marks and config.marks else None
            for seed in config.seeds if chosen is None else chosen:
                yield name, replace(settings, marks=with_marks or settings.marks), seed


def _written(manifest: pd.DataFrame, path: Path) -> Path:
    write_manifest(manifest, path)
    return path
