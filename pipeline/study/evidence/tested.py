"""A classifier on a test, all of its seeds together, with what validation images fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.classification.evidence.operating import youden_threshold
from isnet_cxr.classification.figures import Scored
from isnet_cxr.classification.figures.figure import Floats, Ints
from isnet_cxr.classification.temperature import as_logits, fit_temperature
from isnet_cxr.pipeline.study.trainings import Training

NORMAL = "normal"
"""The class whose images a hospital has at hand."""

COLUMNS = ["image_id", "patient_id", "label", "gate", "strangeness"]
"""What a table of predictions says of an image besides its probabilities."""


@dataclass(frozen=True)
class Fixed:
    """What the development set's validation images fix, for each of S seeds.

    Attributes:
        thresholds: Of every class, (S, C); NaN where validation lacks one side.
        temperatures: (S,).
        normal_recall: Share of normal images called normal; empty where there is no such class.
    """

    thresholds: Floats
    temperatures: Sequence[float]
    normal_recall: Sequence[float]


@dataclass(frozen=True)
class Predictions:
    """Predictions of S seeds on the N images of a test.

    Attributes:
        probabilities: (S, N, C).
        truth: Class indices, (N,).
        patient: Number of each image's patient, (N,).
        images: What is known of each image besides: image_id, patient_id, hospital, mask_quality,
            gate, strangeness and label, N rows.
        fixed: What validation images fixed.
    """

    probabilities: Floats
    truth: Ints
    patient: Ints
    images: pd.DataFrame
    fixed: Fixed

    @property
    def predicted(self) -> Ints:
        """Most probable classes, (S, N)."""
        return np.asarray(self.probabilities.argmax(axis=2))

    @property
    def scored(self) -> list[Scored]:
        """The predictions as figures are measured on, one for each seed."""
        return [Scored(own, own.argmax(axis=1), self.truth) for own in self.probabilities]

    def at(self, rows: NDArray[np.bool_]) -> "Predictions":
        """Return the images where ``rows``, (N,), is true."""
        return replace(
            self,
            probabilities=self.probabilities[:, rows],
            truth=self.truth[rows],
            patient=self.patient[rows],
            images=self.images[rows].reset_index(drop=True),
        )


def fix(trainings: Sequence[Training], classes: Sequence[str]) -> Fixed:
    """Fix thresholds and temperatures of a classifier's seeds on their validation images."""
    thresholds, temperatures, recall = [], [], []
    for training in trainings:
        frame = training.validation()
        probabilities, truth = _read(frame, classes)
        thresholds.append(
            [_threshold(probabilities[:, c], truth == c) for c in range(len(classes))]
        )
        temperatures.append(fit_temperature(as_logits(probabilities), truth))
        if NORMAL in classes and (truth == classes.index(NORMAL)).any():
            normal = classes.index(NORMAL)
            recall.append(float((probabilities.argmax(axis=1) == normal)[truth == normal].mean()))
    return Fixed(np.asarray(thresholds), temperatures, recall)


def read_tested(
    trainings: Sequence[Training],
    classes: Sequence[str],
    test: str,
    images: pd.DataFrame,
    fixed: Fixed,
) -> Predictions:
    """Read the predictions of a classifier's seeds on one test.

    Args:
        trainings: Its seeds.
        classes: Class names.
        test: The test's name.
        images: Manifest of the test.
        fixed: From ``fix``.
    """
    frames = [training.predictions(test) for training in trainings]
    first = frames[0]
    known = images.drop_duplicates("image_id").set_index("image_id").loc[first["image_id"]]
    site = known["site"].where(known["site"] != "", known["dataset"])
    described = first.reindex(columns=COLUMNS).assign(
        hospital=site.to_numpy(), mask_quality=known["mask_quality"].to_numpy()
    )
    probabilities = np.stack([_read(frame, classes)[0] for frame in frames])
    patient = pd.factorize(first["patient_id"])[0]
    return Predictions(probabilities, _read(first, classes)[1], patient, described, fixed)


def by_classifier(trainings: Sequence[Training]) -> Mapping[str, list[Training]]:
    """Group trainings by classifier."""
    grouped: dict[str, list[Training]] = {}
    for training in trainings:
        grouped.setdefault(training.classifier, []).append(training)
    return grouped


def _read(frame: pd.DataFrame, classes: Sequence[str]) -> tuple[Floats, Ints]:
    index = {name: number for number, name in enumerate(classes)}
    probabilities = frame[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    return probabilities, frame["label"].map(index).to_numpy(dtype=int)


def _threshold(scores: Floats, positive: NDArray[np.bool_]) -> float:
    if positive.all() or not positive.any():
        return float("nan")
    return youden_threshold(scores, positive)
