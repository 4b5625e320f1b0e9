"""A classifier on the films of a manifest: one row of predictions per film."""

from pathlib import Path

import numpy as np
import pandas as pd

from classification.classifier import Classifier
from data.cache import load_films
from data.marks import MarkTest, stamp_marks


def evaluate_classifier(
    package: Path,
    manifest: pd.DataFrame,
    *,
    cache: Path | None,
    marks: MarkTest | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict and explain every film of ``manifest``.

    Args:
        package: The classifier's.
        manifest: Every label must be one of its classes.
        cache: Folder of prepared films; None prepares them anew.
        marks: Stamp every film with a mark that tells the truth or lies (bias experiment).
        progress: Show progress bars.

    Returns:
        One row per film that could be read: image_id, patient_id, dataset, label, predicted,
        p_<class>..., relevance_in_lungs (for the predicted class; NaN without a lung mask).

    Raises:
        ValueError: If a label is unknown, or the classifier needs a mask that a film lacks.
    """
    classifier = Classifier.load(package)
    unknown = manifest[~manifest["label"].isin(classifier.classes)]
    if len(unknown):
        raise ValueError(
            f"image {unknown['image_id'].iloc[0]} has label {unknown['label'].iloc[0]!r}: "
            f"expected one of {classifier.classes}"
        )
    films = load_films(manifest, classifier.settings.preprocessing, cache=cache, progress=progress)
    rows = films.manifest
    images = films.images
    if marks is not None:
        index = {name: number for number, name in enumerate(classifier.classes)}
        truth = np.asarray([index[label] for label in rows["label"]], dtype=np.int64)
        images = stamp_marks(images, truth, test=marks, count=len(classifier.classes))
    explanation = classifier.explain(images, films.masks)
    frame = rows[["image_id", "patient_id", "dataset", "label"]].reset_index(drop=True)
    winners = explanation.probabilities.argmax(axis=1)
    frame["predicted"] = [classifier.classes[winner] for winner in winners]
    for number, name in enumerate(classifier.classes):
        frame[f"p_{name}"] = explanation.probabilities[:, number].astype(float)
    frame["relevance_in_lungs"] = explanation.share_in_lungs.astype(float)
    return frame
