"""NIH ChestX-ray14: frontal radiographs, labels by text mining of reports.

Source: NIH Clinical Center. Licence: no restriction, with citation.
Cite: Wang et al. 2017, doi:10.1109/CVPR.2017.369.
Content: 112,120 images of 30,805 patients, PA and AP, resized to 1024 x 1024 px and 8 bits.
Label: the findings of the report; ``No Finding`` is normal, anything with Pneumonia is pneumonia.
Layout: Data_Entry_2017.csv or Data_Entry_2017_v2020.csv, and the images in images_001/images/ to
images_012/images/ as published, or all in images/. BBox_List_2017.csv (984 boxes),
train_val_list.txt and test_list.txt are not needed. A part of the images is refused: make a table
of that part.
Known bias: labels come from reports, with an error of some 10 % and more for pneumonia; many images
are AP, in bed, with tubes; several images per patient. RSNA's images are a part of these: the
search for duplicates finds an image that stands in both, but not a patient; see the card of
``rsna``.
"""

import math
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import only_file, parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "Data_Entry_2017*.csv, and images_*/images/*.png or images/*.png"
LABELS = {"Pneumonia": "pneumonia", "No Finding": "normal"}
FILE, FINDINGS, PATIENT = "Image Index", "Finding Labels", "Patient ID"
AGE, SEX, VIEW = "Patient Age", "Patient Gender", "View Position"
# The header has commas within its brackets, which part these names.
SIZE = ("Height]", "OriginalImage[Width")
SPACING = ("y]", "OriginalImagePixelSpacing[x")
VIEWS = ("PA", "AP")


def read_nih(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the table under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = only_file(root, "Data_Entry_2017*.csv", layout=LAYOUT)
    rows = read_table(
        table,
        columns=(FILE, FINDINGS, PATIENT, AGE, SEX, VIEW),
        optional=(*SIZE, *SPACING),
        layout=LAYOUT,
    )
    known = {path.name: path for path in root.glob("images_*/images/*.png")}
    chosen = Selection(LABELS, labels)
    for row in rows:
        label = chosen.classify(row[FINDINGS].split("|"))
        if label:
            chosen.use(
                Record(
                    path=known.get(row[FILE], root / "images" / row[FILE]),
                    dataset="nih",
                    site="NIH Clinical Center",
                    patient=row[PATIENT],
                    label=label,
                    view=row[VIEW] if row[VIEW] in VIEWS else "",
                    age=parse_age(row[AGE]),
                    sex=parse_sex(row[SEX]),
                    extent_mm=_extent(row),
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def _extent(row: dict[str, str]) -> tuple[float, float] | None:
    """Return height and width of the original image, which the published copies show in full."""
    try:
        height, width = (
            float(row[size]) * float(row[spacing])
            for size, spacing in zip(SIZE, SPACING, strict=True)
        )
    except ValueError:
        return None
    known = math.isfinite(height) and math.isfinite(width) and min(height, width) > 0
    return (height, width) if known else None
