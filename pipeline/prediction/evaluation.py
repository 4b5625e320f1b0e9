"""A classifier on the images of a manifest: one row of predictions per image."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.gate import Gate, Seen
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Prediction, Predictor


def evaluate_classifier(
    package: Path,
    manifest: pd.DataFrame,
    *,
    cache: Path | None,
    bias: tuple[str, str] | None = None,
    device: str = "cpu",
    workers: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict and explain every image of ``manifest``.

    Args:
        package: The classifier's.
        manifest: Every label must be one of its classes.
        cache: Folder of prepared images; None prepares them anew.
        bias: Name of a bias test and which of its tests; None takes the images as they are.
        device: Where the network runs.
        workers: Number of processes that read.
        progress: Show progress bars.

    Returns:
        One row per image that could be read: image_id, patient_id, dataset, label, predicted,
        p_<class>..., relevance_inside_lungs (for the predicted class; NaN without a lung mask),
        what other outputs have to say in numbers, the verdict of the gate, which refuses no image
        here, and its strangeness (NaN where the package has no gate statistics).

    Raises:
        InputError: If a label is unknown, or the classifier needs a mask that an image lacks.
    """
    predictor = Predictor.load(package, device=device)
    classifier = predictor.classifier
    unknown = manifest[~manifest["label"].isin(classifier.classes)]
    if len(unknown):
        raise InputError(
            f"image {unknown['image_id'].iloc[0]} has label {unknown['label'].iloc[0]!r}: "
            f"expected one of {classifier.classes}"
        )
    settings = classifier.settings.preprocessing
    images = load_images(manifest, settings, cache=cache, workers=workers, progress=progress)
    rows = images.manifest
    shown = images.images
    if bias is not None:
        name, test = bias
        index = {label: number for number, label in enumerate(classifier.classes)}
        truth = np.asarray([index[label] for label in rows["label"]], dtype=np.int64)
        stamp = BIAS_TESTS[name].stamp
        shown = stamp(shown, images.masks, truth, test=test, count=len(classifier.classes))
    predictions = predictor.predict_prepared(shown, images.masks, list(rows["image_id"]))
    frame = rows[["image_id", "patient_id", "dataset", "label"]].reset_index(drop=True)
    frame["predicted"] = [prediction.predicted for prediction in predictions]
    numbers = [_numbers(prediction) for prediction in predictions]
    frame = pd.concat([frame, pd.DataFrame(numbers, index=frame.index)], axis=1)
    known = (rows["lung_mask"] != "").to_numpy()
    return frame.assign(**_gate_columns(predictor.gate, shown, images.masks, known))


def _gate_columns(
    gate: Gate, images: NDArray[np.uint8], masks: NDArray[np.uint8], known: NDArray[np.bool_]
) -> dict[str, list[Any]]:
    """Return the verdict and the strangeness of every image, whose mask may not be known."""
    seen = [
        Seen(image, mask if has else None)
        for image, mask, has in zip(images, masks, known, strict=True)
    ]
    statistics = gate.statistics
    return {
        "gate": [gate.judge(one).name for one in seen],
        "strangeness": [
            np.nan if statistics is None else statistics.scores(image, mask).strangeness
            for image, mask in zip(images, masks, strict=True)
        ],
    }


def _numbers(prediction: Prediction) -> dict[str, float]:
    """Return the columns of all outputs that are numbers."""
    return {
        name: float(value)
        for output in OUTPUTS.values()
        for name, value in output.columns(prediction).items()
        if not isinstance(value, str)
    }
