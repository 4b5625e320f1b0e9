"""A classifier on the images of a manifest: one row of predictions per image."""

from pathlib import Path

import numpy as np
import pandas as pd

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.marks import MarkTest, stamp_marks


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
        p_<class>..., relevance_inside_lungs (for the predicted class; NaN without a lung mask).

    Raises:
        ValueError: If a label is unknown, or the classifier needs a mask that an image lacks.
    """
    classifier = Classifier.load(package)
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
    shown = images.images
    if marks is not None:
        index = {name: number for number, name in enumerate(classifier.classes)}
        truth = np.asarray([index[label] for label in rows["label"]], dtype=np.int64)
        shown = stamp_marks(shown, truth, test=marks, count=len(classifier.classes))
    explanation = classifier.explain(shown, images.masks)
    frame = rows[["image_id", "patient_id", "dataset", "label"]].reset_index(drop=True)
    winners = explanation.probabilities.argmax(axis=1)
    frame["predicted"] = [classifier.classes[winner] for winner in winners]
    for number, name in enumerate(classifier.classes):
        frame[f"p_{name}"] = explanation.probabilities[:, number].astype(float)
    frame["relevance_inside_lungs"] = explanation.share_inside_lungs.astype(float)
    return frame
