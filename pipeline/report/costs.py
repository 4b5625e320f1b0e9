"""What every classifier cost to train and costs to ask, on this machine."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, median

import numpy as np

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.table import Table

IMAGES, REPEATS = 8, 3
HEAD = (
    "classifier", "epochs", "seconds per epoch", "training, minutes", "prediction, CPU ms",
    "weights", "needs at run time",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a classifier costs.

    Attributes:
        epochs: Of a training, mean over seeds.
        epoch_s: Of an epoch, the median, in s.
        training_s: Of a training, mean over seeds, in s.
        prediction_s: CPU time of one image's prediction in a batch, in s.
        weights: Numbers that are trained.
        needs_masks: Whether a prediction needs a lung mask.
    """

    epochs: float
    epoch_s: float
    training_s: float
    prediction_s: float
    weights: int
    needs_masks: bool

    @property
    def minutes(self) -> str:
        """Minutes of a training, as tables show them."""
        return f"{self.training_s / 60:.1f}"

    @property
    def prediction_ms(self) -> str:
        """Milliseconds of a prediction, as tables show them."""
        return f"{1000 * self.prediction_s:.1f}"


def measure_costs(material: ReportMaterial) -> dict[str, Cost]:
    """Measure the costs of all classifiers that were trained on images as they are.

    Predictions are timed here, on black images: a network takes the same time for any.
    """
    epochs: dict[str, list[list[dict[str, float]]]] = {}
    for training in material.trainings:
        if training.is_whole:
            epochs.setdefault(training.classifier, []).append(training.epochs())
    return {
        name: cost_of(own, Classifier.load(material.first_training(name).package))
        for name, own in epochs.items()
    }


def cost_of(trainings: Sequence[Sequence[Mapping[str, float]]], classifier: Classifier) -> Cost:
    """Return a classifier's cost from the metrics of every epoch of its trainings."""
    seconds = [[epoch["seconds"] for epoch in own] for own in trainings]
    return Cost(
        epochs=fmean(map(len, seconds)),
        epoch_s=median(chain.from_iterable(seconds)),
        training_s=fmean(map(sum, seconds)),
        prediction_s=prediction_seconds(classifier),
        weights=sum(parameter.numel() for parameter in classifier.network.parameters()),
        needs_masks=classifier.needs_masks,
    )


def costs_table(costs: Mapping[str, Cost]) -> Table:
    """List costs by classifier."""
    rows = [
        [
            name,
            f"{cost.epochs:.0f}",
            f"{cost.epoch_s:.1f}",
            cost.minutes,
            cost.prediction_ms,
            f"{cost.weights:,}",
            "image and lung mask" if cost.needs_masks else "image",
        ]
        for name, cost in costs.items()
    ]
    return Table(HEAD, rows)


def prediction_seconds(classifier: Classifier) -> float:
    """Return the CPU seconds of one image's prediction in a batch: the least of ``REPEATS``."""
    side = classifier.settings.preprocessing.size_px
    images = np.zeros((IMAGES, side, side), dtype=np.uint8)
    masks = np.ones_like(images) if classifier.needs_masks else None
    spent = []
    for _ in range(REPEATS):
        started = time.process_time()
        classifier.predict(images, masks)
        spent.append(time.process_time() - started)
    return min(spent) / IMAGES
