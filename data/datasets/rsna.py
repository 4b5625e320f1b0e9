"""RSNA Pneumonia Detection Challenge 2018: NIH's frontal images, read again by radiologists.

Source: Radiological Society of North America. Licence: research, education and other uses, with
the attribution that the terms ask for.
Cite: Shih et al. 2019, doi:10.1148/ryai.2019180041; Wang et al. 2017, doi:10.1109/CVPR.2017.369.
Content: 26,684 images with labels (the challenge's training part), 1024 x 1024 px, PA and AP:
8,851 Normal, 6,012 Lung Opacity, 11,821 No Lung Opacity / Not Normal. Boxes are not used.
Label: Normal is normal, Lung Opacity (flagged of pneumonia) is pneumonia; the third class is left
out. The view comes from the DICOM header.
Layout: stage_2_detailed_class_info.csv, stage_2_train_images/<patientId>.dcm; if RSNA's
pneumonia-challenge-dataset-mappings_2018.json lies there too, patients are those of ``nih``, with
the same ids, so that a split of both together never parts a patient.
Known bias: ``patientId`` names an image, so that without the mapping every image is a patient of
its own. All images are a part of ``nih``, compressed again: the search for duplicates
(``isnet_cxr.data.copies.duplicates``) finds an image that stands in both, and a study drops it
from the development set. It does not find other images of the same patient: do not train on one of
the two sets and test on the other.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "stage_2_detailed_class_info.csv and stage_2_train_images/*.dcm"
LABELS = {"Lung Opacity": "pneumonia", "Normal": "normal"}
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


def read_rsna(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the table under ``root`` with a class that is used.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        ValueError: If a column is missing, the mapping is damaged, or a label of ``labels`` does
            not occur.
    """
    table = root / "stage_2_detailed_class_info.csv"
    rows = read_table(table, columns=("patientId", "class"), layout=LAYOUT)
    images = {row["patientId"]: (index, row["class"]) for index, row in enumerate(rows)}
    patients = _nih_patients(root / MAPPING)
    chosen = Selection(LABELS, labels)
    for image, (index, published) in images.items():  # an image has a row for every box
        label = chosen.classify(published)
        if label:
            chosen.use(
                Record(
                    path=root / "stage_2_train_images" / f"{image}.dcm",
                    dataset="rsna",
                    site="NIH Clinical Center",
                    patient=patients.get(image, image),
                    patients_of="nih" if image in patients else "",
                    label=label,
                ),
                row=index,
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def _nih_patients(path: Path) -> dict[str, str]:
    """Return the NIH's patient of each image: the first part of the image's name there."""
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text("utf-8"))
        return {
            entry["subset_img_id"]: str(int(entry["img_id"].partition("_")[0])) for entry in entries
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path}: a list of subset_img_id and img_id expected") from None
