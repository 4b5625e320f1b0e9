"""Stage 2 of a study: which classifiers are trained with which seeds, on what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.learning.fitting import read_epochs
from isnet_cxr.pipeline.config import CONTROL, StudyConfig
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.study.measures import ERASED, EXCHANGED
from isnet_cxr.pipeline.study.steps import (
    digest_extensions,
    digest_manifest,
    digest_values,
    is_done,
)

VALIDATION = "validation.csv"


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
        shortcut = f" with {self.bias}" if self.bias else ""
        return f"{self.classifier}{shortcut} seed {self.seed}"

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
        return (
            {"role": "bias test", "bias_test": self.bias} if self.bias else {"role": "classifier"}
        )

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
    def is_finished(self) -> bool:
        """Whether the network is trained, has its thresholds, and is tested."""
        learnt = is_done(self.learning, {"digest": self.learn})
        fixed = not self.has_thresholds or is_done(self.validating, {"digest": self.learn})
        return learnt and fixed and is_done(self.testing, {"digest": self.test})

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
    config: StudyConfig, images: StudyImages, out: Path, *, lungs: str
) -> list[Training]:
    """List a study's trainings, bias tests last; ``lungs`` is the segmenter's digest."""
    learned = digest_manifest(
        images.development[images.development["split"].isin(["train", "val"])]
    )
    tested = {name: digest_manifest(rows) for name, rows in images.tests.items()}
    trainings = []
    for name, settings, seed in _combinations(config, control=can_have_control(images)):
        inputs = {
            "settings": plain_classifier(settings),
            "seed": seed,
            "images": learned,
            "classes": config.classes,
            "lungs": lungs,
            "extensions": digest_extensions(config.extensions),
        }
        learn = digest_values(inputs)
        tests = {"internal": tested["internal"]} if settings.bias else tested
        asked = BIAS_TESTS[settings.bias].tests if settings.bias else ()
        test = {
            "learn": learn,
            "tests": tests,
            "bias": asked,
            "samples": config.samples_per_class,
            "changed": [] if settings.bias else [EXCHANGED, ERASED],
        }
        place = out / "bias" / settings.bias if settings.bias else out / "classifiers"
        folder = place / name / f"seed-{seed}"
        trainings.append(Training(name, settings, seed, folder, learn, digest_values(test)))
    return trainings


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
