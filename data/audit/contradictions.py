"""One image with two classes, or of two patients: what a table's rows say against each other."""

from dataclasses import dataclass

import pandas as pd

CLASSES, PATIENTS = "classes", "patients"


@dataclass(frozen=True)
class Contradiction:
    """Images that stand in several rows which differ in what can only be one.

    Attributes:
        kind: "classes" or "patients".
        image_ids: The images; files with the same pixels are one image.
    """

    kind: str
    image_ids: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say it in one line, with the first image as an example."""
        count = len(self.image_ids)
        which = f"{self.image_ids[0]}{', ...' if count > 1 else ''}"
        subject = "1 image has" if count == 1 else f"{count} images have"
        return f"{subject} rows of different {self.kind} ({which})"


def find_contradictions(images: pd.DataFrame) -> list[Contradiction]:
    """List images with two classes, and images with two patients of one dataset.

    Args:
        images: Manifest. A row without a class contradicts none; patients of different datasets
            have different ids, and may be the same.
    """
    labelled = images[images["label"] != ""]
    classes = labelled.groupby("image_id", sort=False)["label"].nunique()
    patients = images.groupby(["image_id", "dataset"], sort=False)["patient_id"].nunique()
    of_two = patients[patients > 1].index.get_level_values("image_id").unique()
    found = {CLASSES: classes[classes > 1].index, PATIENTS: of_two}
    return [
        Contradiction(kind, tuple(str(image) for image in concerned))
        for kind, concerned in found.items()
        if len(concerned)
    ]
