"""NIH ChestX-ray14: frontal radiographs, labels by text mining of reports.

Source: NIH Clinical Center. Licence: no restriction, with citation.
Cite: Wang et al. 2017, doi:10.1109/CVPR.2017.369.
Content: up to 112,120 images of 30,805 patients, PA and AP.
Label: ``No Finding`` is normal, anything with Pneumonia is pneumonia; other findings are left out.
Layout: Data_Entry_2017.csv, and the images in images/ or, as published, in images_001/images/ to
images_012/images/. A part of the images is refused: make a table of that part.
Known bias: labels come from reports, with an error of some 10 % and more for pneumonia; many films
are AP, in bed, with tubes; several films per patient.
"""

from collections import Counter
from pathlib import Path

from data.datasets.layout import (
    Listing,
    existing_files,
    existing_folder,
    parse_age,
    parse_sex,
    read_table,
)
from data.records import Record

LAYOUT = "Data_Entry_2017.csv and images/*.png"
FILE, FINDINGS, PATIENT = "Image Index", "Finding Labels", "Patient ID"
AGE, SEX, VIEW = "Patient Age", "Patient Gender", "View Position"
VIEWS = ("PA", "AP")


def read_nih(root: Path) -> Listing:
    """List the images of the table under ``root`` that are normal or show pneumonia.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        ValueError: If a column is missing.
    """
    table = existing_folder(root, layout=LAYOUT) / "Data_Entry_2017.csv"
    rows = read_table(table, columns=(FILE, FINDINGS, PATIENT, AGE, SEX, VIEW), layout=LAYOUT)
    known = {path.name: path for path in root.glob("images_*/images/*.png")}
    records = []
    left_out: Counter[str] = Counter()
    for row in rows:
        label = _label(row[FINDINGS])
        if label is None:
            left_out["findings without pneumonia"] += 1
            continue
        records.append(
            Record(
                path=known.get(row[FILE], root / "images" / row[FILE]),
                dataset="nih",
                site="NIH Clinical Center",
                patient=row[PATIENT],
                label=label,
                view=row[VIEW] if row[VIEW] in VIEWS else "",
                age=parse_age(row[AGE]),
                sex=parse_sex(row[SEX]),
            )
        )
    existing_files((record.path for record in records), table=table)
    return Listing(records, dict(left_out))


def _label(findings: str) -> str | None:
    names = findings.split("|")
    if names == ["No Finding"]:
        return "normal"
    return "pneumonia" if "Pneumonia" in names else None
