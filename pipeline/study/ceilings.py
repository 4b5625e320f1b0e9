"""Ceilings: a baseline cross-validated on an external test's own images, with the study's seeds.

The folds are trainings like others, in folders of their own. No other training, threshold or choice
sees them or the images that they learn from.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.folds import check_folds, deal_folds
from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.pipeline.config import CeilingConfig, StudyConfig
from isnet_cxr.pipeline.study.images import StudyImages, search_copies
from isnet_cxr.pipeline.study.jobs import Job
from isnet_cxr.pipeline.study.steps import digest_extensions, digest_manifest, digest_values
from isnet_cxr.pipeline.study.trainings import Training

CEILINGS = "ceilings"

Splits = Mapping[str, Sequence["pd.Series[str]"]]
"""Of every test with a ceiling: train, val or test by image id, in each fold."""


@dataclass(frozen=True, kw_only=True)
class CeilingFold(Training):
    """One fold of a ceiling with one seed.

    Attributes:
        of: The external test.
        number: Of the fold, from 1.
        dataset: Where its images come from.
    """

    of: str
    number: int
    dataset: str

    @property
    def name(self) -> str:
        """What the training is called in MLflow and in messages."""
        return f"{self.classifier} fold {self.number} seed {self.seed}"

    @property
    def has_thresholds(self) -> bool:
        """No: what is measured on a ceiling needs none."""
        return False

    @property
    def tags(self) -> dict[str, str]:
        """What its run in MLflow is found by."""
        own = {"role": "ceiling", "external_test": self.of, "fold": str(self.number)}
        return {**own, "dataset": self.dataset}


@dataclass(frozen=True)
class Ceiling:
    """What a baseline reaches on an external test by images of that test.

    Attributes:
        test: The external test.
        baseline: The classifier whose settings are trained.
        classes: Those of the study that the test has, in the order of the networks' outputs.
        parts: Manifest of the test for each fold, with that fold's split.
        folds: The trainings, every fold with every seed.
    """

    test: str
    baseline: str
    classes: tuple[str, ...]
    parts: tuple[pd.DataFrame, ...]
    folds: tuple[CeilingFold, ...]

    def part(self, fold: CeilingFold, *splits: str) -> pd.DataFrame:
        """Return the images of some splits of a fold."""
        own = self.parts[fold.number - 1]
        return own[own["split"].isin(splits)].reset_index(drop=True)

    def predictions(self, seed: int) -> pd.DataFrame:
        """One row per image of the test, by the network that has not seen it; its ``fold``."""
        return pd.concat(
            [
                fold.predictions(self.test).assign(fold=fold.number)
                for fold in self.folds
                if fold.seed == seed
            ],
            ignore_index=True,
        )


def check_ceilings(config: StudyConfig, tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse ceilings whose folds would have too few patients of a class.

    Args:
        config: The study.
        tables: Label and patient_id of every image, by dataset.

    Raises:
        InputError: As ``check_folds``; names the key.
    """
    for test, section in config.ceilings.items():
        table = pd.concat([tables[name] for name in config.external[test]], ignore_index=True)
        known = table[table["label"].isin(config.classes)]
        with _named(test):
            check_folds(known["label"], known["patient_id"], section.folds)


def divide_tests(config: StudyConfig, images: StudyImages, out: Path, *, progress: bool) -> Splits:
    """Deal the images of every test with a ceiling into folds: patients, and copies, into one.

    Args:
        config: The study.
        images: Its images; masks are not needed yet.
        out: The study's folder.
        progress: Show progress bars.

    Raises:
        InputError: As ``check_folds``; names the key.
    """
    splits = {}
    train, val, _ = config.fractions
    for test, section in config.ceilings.items():
        rows = images.external[test]
        copies = None
        if config.exclude_duplicates:
            copies = search_copies(rows, None, out / CEILINGS / test / "copies", progress=progress)
        with _named(test):
            dealt = deal_folds(
                rows,
                folds=section.folds,
                seed=config.split_seed,
                validation=val / (train + val),
                copies=copies,
            )
            splits[test] = [part.set_index("image_id")["split"] for part in dealt]
    return splits


def plan_ceilings(
    config: StudyConfig, images: StudyImages, splits: Splits, out: Path
) -> list[Ceiling]:
    """List the ceilings of a study and their trainings.

    Args:
        config: The study.
        images: Its images, with masks.
        splits: From ``divide_tests``.
        out: The study's folder.
    """
    return [
        _plan(config, test, section, images.external[test], splits[test], out)
        for test, section in config.ceilings.items()
    ]


def plan_fold_jobs(config: StudyConfig, ceilings: Sequence[Ceiling], out: Path) -> list[Job]:
    """Write the manifests and list the jobs for the folds that are not finished.

    Their images are predicted and not asked about further, and their packages carry no lungs: they
    are no classifiers to be used.
    """
    jobs = []
    for ceiling in ceilings:
        for fold in ceiling.folds:
            if fold.is_finished:
                continue
            place = out / "images" / CEILINGS / ceiling.test
            learned, tested = (place / f"fold-{fold.number}{end}.parquet" for end in ("", "-test"))
            write_manifest(ceiling.part(fold, "train", "val"), learned)
            write_manifest(ceiling.part(fold, "test"), tested)
            jobs.append(
                Job(
                    training=fold,
                    development=learned,
                    tests={ceiling.test: tested},
                    samples={},
                    classes=ceiling.classes,
                    lungs=None,
                    cache=out / "cache",
                    threads=config.threads_per_training,
                    processes=config.processes_per_training,
                    extensions=tuple(config.extensions),
                )
            )
    return jobs


def _plan(
    config: StudyConfig,
    test: str,
    section: CeilingConfig,
    images: pd.DataFrame,
    splits: Sequence["pd.Series[str]"],
    out: Path,
) -> Ceiling:
    parts = tuple(images.assign(split=images["image_id"].map(split)) for split in splits)
    classes = tuple(name for name in config.classes if (images["label"] == name).any())
    settings = config.settings[section.baseline]
    folds = []
    for number, part in enumerate(parts, start=1):
        tested = part["split"] == "test"
        inputs: dict[str, Any] = {
            "settings": plain_classifier(settings),
            "images": digest_manifest(part[~tested]),
            "classes": classes,
            "extensions": digest_extensions(config.extensions),
        }
        if config.processes_per_training > 1:
            inputs["processes"] = config.processes_per_training
        predicted = digest_manifest(part[tested])
        for seed in config.seeds:
            learn = digest_values({**inputs, "seed": seed})
            folds.append(
                CeilingFold(
                    classifier=f"ceiling of {test}",
                    settings=settings,
                    seed=seed,
                    folder=out / CEILINGS / test / f"fold-{number}" / f"seed-{seed}",
                    learn=learn,
                    test=digest_values({"learn": learn, "tests": predicted}),
                    of=test,
                    number=number,
                    dataset=", ".join(sorted(set(images["dataset"]))),
                )
            )
    return Ceiling(test, section.baseline, classes, parts, tuple(folds))


@contextmanager
def _named(test: str) -> Iterator[None]:
    """Say which ceiling an error is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"ceilings.{test}: {error}") from None
