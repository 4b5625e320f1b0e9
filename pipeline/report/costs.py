"""What every classifier cost to train and costs to ask, on this machine."""

import time
from collections.abc import Mapping, Sequence
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


def costs_table(material: ReportMaterial) -> Table:
    """List the costs of all classifiers that were trained on images as they are.

    Predictions are timed here, on black images: a network takes the same time for any.
    """
    epochs: dict[str, list[list[dict[str, float]]]] = {}
    for training in material.trainings:
        if training.is_whole:
            epochs.setdefault(training.classifier, []).append(training.epochs())
    loaded = {name: Classifier.load(material.first_training(name).package) for name in epochs}
    return make_table(epochs, loaded)


def make_table(
    epochs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
    loaded: Mapping[str, Classifier],
) -> Table:
    """Make the table of the metrics of every training's epochs, and of one classifier each."""
    rows = []
    for name, trainings in epochs.items():
        seconds = [[epoch["seconds"] for epoch in own] for own in trainings]
        classifier = loaded[name]
        weights = sum(parameter.numel() for parameter in classifier.network.parameters())
        rows.append([
            name,
            f"{fmean(map(len, seconds)):.0f}",
            f"{median(chain.from_iterable(seconds)):.1f}",
            f"{fmean(map(sum, seconds)) / 60:.1f}",
            f"{1000 * prediction_seconds(classifier):.1f}",
            f"{weights:,}",
            "image and lung mask" if classifier.needs_masks else "image",
        ])  # fmt: skip
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
