"""Kermany (Guangzhou): chest X-rays of children of 1 to 5 years, normal and pneumonia.

Source: Mendeley Data, doi:10.17632/rscbjbr9sj. Licence: CC BY 4.0.
Cite: Kermany et al. 2018, doi:10.1016/j.cell.2018.02.010.
Content: Guangzhou Women and Children's Medical Center, AP; 5,856 images. Patients are ``personN``
in the names with pneumonia, and taken from the series number (``IM-0011``) in the normal ones.
Layout: train/{NORMAL,PNEUMONIA}/*.jpeg, and test/, val/ where present.
Known bias: children, a far-away domain for adults; crops and exposure differ between the classes.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "train/{NORMAL,PNEUMONIA}/*.jpeg"
PARTS = ("train", "val", "test")
LABELS = {"NORMAL": "normal", "PNEUMONIA": "pneumonia"}
PATIENT = re.compile(r"^(person\d+|(?:NORMAL2-)?IM-\d+)")


def read_kermany(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``, of all parts that are there.

    Raises:
        FileNotFoundError: If train/ or a class folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    existing_folder(root / "train", layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for part in (root / name for name in PARTS if (root / name).is_dir()):
        for folder in LABELS:
            for path in list_images(part / folder, layout=LAYOUT):
                label = chosen.classify(folder)
                if label:
                    chosen.use(
                        Record(
                            path=path,
                            dataset="kermany",
                            site="Guangzhou Women and Children's Medical Center",
                            patient=_patient(path.stem),
                            label=label,
                            view="AP",
                        )
                    )
    return chosen.listing()


def _patient(stem: str) -> str:
    found = PATIENT.match(stem)
    return found.group(1) if found else stem
