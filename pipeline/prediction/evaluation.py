"""A classifier on the images of a manifest: one row of predictions per image."""

from pathlib import Path

import numpy as np
import pandas as pd

from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.marks import MarkTest, stamp_marks
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Prediction, Predictor


def evaluate_classifier(
    package: Path,
    manifest: pd.DataFrame,
    *,
    cache: Path | None,
    marks: MarkTest | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict and explain every image of ``manifest``.

    Args:
        package: The classifier's.
        manifest: Every label must be one of its classes.
        cache: Folder of prepared images; None prepares them anew.
        marks: Stamp every image with a mark that tells the truth or lies (bias experiment).
        progress: Show progress bars.

    Returns:
        One row per image that could be read: image_id, patient_id, dataset, label, predicted,
        p_<class>..., relevance_inside_lungs (for the predicted class; NaN without a lung mask), and
        what other outputs have to say in numbers.

    Raises:
        ValueError: If a label is unknown, or the classifier needs a mask that an image lacks.
    """
    predictor = Predictor.load(package)
    classifier = predictor.classifier
    unknown = manifest[~manifest["label"].isin(classifier.classes)]
    if len(unknown):
        raise ValueError(
            f"image {unknown['image_id'].iloc[0]} has label {unknown['label'].iloc[0]!r}: "
            f"expected one of {classifier.classes}"
        )
    images = load_images(
        manifest, classifier.settings.preprocessing, cache=cache, progress=progress
    )
    rows = images.manifest
    images = images.images
    if marks is not None:
        index = {name: number for number, name in enumerate(classifier.classes)}
        truth = np.asarray([index[label] for label in rows["label"]], dtype=np.int64)
        images = stamp_marks(images, truth, test=marks, count=len(classifier.classes))
    predictions = predictor.predict_prepared(images, images.masks, list(rows["image_id"]))
    frame = rows[["image_id", "patient_id", "dataset", "label"]].reset_index(drop=True)
    frame["predicted"] = [prediction.predicted for prediction in predictions]
    numbers = [_numbers(prediction) for prediction in predictions]
    return pd.concat([frame, pd.DataFrame(numbers, index=frame.index)], axis=1)


def _numbers(prediction: Prediction) -> dict[str, float]:
    """Return the columns of all outputs that are numbers."""
    return {
        name: float(value)
        for output in OUTPUTS.values()
        for name, value in output.columns(prediction).items()
        if not isinstance(value, str)
    }
