"""Stage 2 of a study: which classifiers are trained with which seeds, on what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.learning.fitting import read_epochs
from isnet_cxr.pipeline.config import CONTROL, StudyConfig
from isnet_cxr.pipeline.study.folds import Fold
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.measures import ERASED, EXCHANGED
from isnet_cxr.pipeline.study.steps import (
    digest_extensions,
    digest_manifest,
    digest_values,
    is_done,
)

VALIDATION = "validation.csv"
FOLDS = "across"


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
        fold: Name of the fold that it belongs to, see ``folds``; empty where it was trained on the
            whole development set.
        checks: Digest of what decides the checks of its heatmaps; empty where there are none.
    """

    classifier: str
    settings: ClassifierSettings
    seed: int
    folder: Path
    learn: str
    test: str
    fold: str = ""
    checks: str = ""

    @property
    def name(self) -> str:
        """What the training is called in MLflow and in messages."""
        shortcut = f" with {self.bias}" if self.bias else ""
        fold = f", {self.fold}," if self.fold else ""
        return f"{self.classifier}{shortcut}{fold} seed {self.seed}"

    @property
    def is_whole(self) -> bool:
        """Whether it was trained on the whole development set, its images as they are."""
        return self.bias is None and not self.fold

    @property
    def bias(self) -> str | None:
        """The bias test that it belongs to; None where it saw the images as they are."""
        return self.settings.bias

    @property
    def has_thresholds(self) -> bool:
        """Whether thresholds are fixed for it, on validation images."""
        return self.bias is None

    @property
    def tags(self) -> dict[str, str]:
        """What its run in MLflow is found by, besides classifier, method and seed."""
        if self.bias:
            return {"role": "bias test", "bias_test": self.bias}
        if self.fold:
            return {"role": "across hospitals", "fold": self.fold}
        return {"role": "classifier"}

    @property
    def learning(self) -> Path:
        """Folder of training the network."""
        return self.folder / "learning"

    @property
    def testing(self) -> Path:
        """Folder of predicting and explaining the images of every test."""
        return self.folder / "testing"

    @property
    def validating(self) -> Path:
        """Folder of predicting the validation images, which thresholds are fixed on."""
        return self.folder / "validating"

    @property
    def checking(self) -> Path:
        """Folder of checking its heatmaps: against boxes, and for sanity."""
        return self.folder / "heatmaps"

    @property
    def is_finished(self) -> bool:
        """Whether the network is trained, has its thresholds, is tested and checked."""
        learnt = is_done(self.learning, {"digest": self.learn})
        fixed = not self.has_thresholds or is_done(self.validating, {"digest": self.learn})
        checked = not self.checks or is_done(self.checking, {"digest": self.checks})
        return learnt and fixed and checked and is_done(self.testing, {"digest": self.test})

    @property
    def package(self) -> Path:
        """The trained network."""
        return self.learning / "package"

    def epochs(self) -> list[dict[str, float]]:
        """Metrics of every finished epoch."""
        return read_epochs(self.learning)

    def predictions(self, test: str) -> pd.DataFrame:
        """One row per image of ``test``, see ``evaluate_classifier``."""
        return pd.read_csv(self.testing / f"{test}.csv", keep_default_na=True)

    def validation(self) -> pd.DataFrame:
        """One row per validation image of the development set, see ``evaluate_classifier``."""
        return pd.read_csv(self.validating / VALIDATION, keep_default_na=True)


def plan_trainings(
    config: StudyConfig,
    images: StudyImages,
    out: Path,
    *,
    lungs: str,
    folds: Sequence[Fold] = (),
) -> list[Training]:
    """List a study's trainings, bias tests and then folds last.

    Args:
        config: The study.
        images: Its images.
        out: Its folder.
        lungs: Digest of the lung segmenter.
        folds: Parts of the development set to train on as well.
    """
    whole = _Trained.on(config, images, config.classes, lungs)
    combinations = _combinations(config, control=can_have_control(images))
    trainings = [
        whole.training(_place(out, settings) / name, name, settings, seed)
        for name, settings, seed in combinations
    ]
    for fold in folds:
        part = _Trained.on(config, fold.of(images), fold.classes, lungs, fold=fold.name)
        trainings += [
            part.training(out / FOLDS / fold.name / name, name, config.settings[name], seed)
            for name in config.held_out
            for seed in config.seeds_across
        ]
    return _with_checks(config, images, trainings)


@dataclass(frozen=True)
class _Trained:
    """What trainings on the same images share.

    Attributes:
        inputs: What decides a trained network besides its settings and seed.
        tests: Digest of each test's images.
        samples: Images of each class and test that are explained.
        fold: As in ``Training``.
    """

    inputs: Mapping[str, Any]
    tests: Mapping[str, str]
    samples: int
    fold: str

    @classmethod
    def on(
        cls,
        config: StudyConfig,
        images: StudyImages,
        classes: Sequence[str],
        lungs: str,
        *,
        fold: str = "",
    ) -> "_Trained":
        trained = images.development["split"].isin(["train", "val"])
        inputs: dict[str, Any] = {
            "images": digest_manifest(images.development[trained]),
            "classes": list(classes),
            "lungs": lungs,
            "extensions": digest_extensions(config.extensions),
        }
        if config.processes_per_training > 1:
            inputs["processes"] = config.processes_per_training
        tested = {name: digest_manifest(rows) for name, rows in images.tests.items()}
        return cls(inputs, tested, config.samples_per_class, fold)

    def training(self, place: Path, name: str, settings: ClassifierSettings, seed: int) -> Training:
        """Return the training of a classifier with a seed, in ``place``."""
        own = {"settings": plain_classifier(settings), "seed": seed}
        learn = digest_values({**own, **self.inputs})
        explained = settings.bias is None and not self.fold
        test = {
            "learn": learn,
            "tests": {"internal": self.tests["internal"]} if settings.bias else self.tests,
            "bias": BIAS_TESTS[settings.bias].tests if settings.bias else (),
            "samples": 0 if self.fold else self.samples,
            "changed": [EXCHANGED, ERASED] if explained else [],
        }
        folder = place / f"seed-{seed}"
        return Training(name, settings, seed, folder, learn, digest_values(test), self.fold)


def _with_checks(
    config: StudyConfig, images: StudyImages, trainings: list[Training]
) -> list[Training]:
    """Let the heatmaps of classifiers on images as they are be checked; controls explain none."""
    inputs = {
        "tests": {name: digest_manifest(rows) for name, rows in images.tests.items()},
        "sanity": config.sanity_per_class,
        "pointing": config.pointing_per_class,
    }
    return [
        replace(own, checks=digest_values({**inputs, "learn": own.learn}))
        if own.is_whole and own.classifier in config.unbiased
        else own
        for own in trainings
    ]


def _place(out: Path, settings: ClassifierSettings) -> Path:
    return out / "bias" / settings.bias if settings.bias else out / "classifiers"


def can_have_control(images: StudyImages) -> bool:
    """Whether every image of every role has a lung mask, without which no lungs can be erased."""
    roles = (images.development, *images.external.values())
    return all((rows["lung_mask"] != "").all() for rows in roles)


def _combinations(
    config: StudyConfig, *, control: bool
) -> Iterator[tuple[str, ClassifierSettings, int]]:
    """Yield classifier, settings and seed of every training; the control's with ``control``."""
    for name in [*config.unbiased, *([CONTROL] if control and config.has_control else [])]:
        for seed in config.seeds:
            yield name, config.settings[name], seed
    for bias, section in config.bias_tests.items():
        for name in section.classifiers:
            for seed in config.seeds if section.seeds is None else section.seeds:
                yield name, replace(config.settings[name], bias=bias), seed
