"""PadChest: radiographs of a Spanish hospital, findings from reports by readers and a network.

Source: BIMCV and Hospital San Juan de Alicante. Licence: the BIMCV research use agreement.
Cite: Bustos et al. 2020, doi:10.1016/j.media.2020.101797 (arXiv:1901.07441).
Content: more than 160,000 images of 67,000 patients, 2009 to 2017, 16-bit PNG. Frontal images are
used (PA, AP, AP lying); lateral and costal ones are left out.
Label: the report's findings: pneumonia (also atypical), tuberculosis; normal if that is the only
one. Reports are labelled by physicians (27 %) and by a network.
Layout: PADCHEST_chest_x_ray_images_labels_160K*.csv, packed (.gz) or not, and the images in the
numbered folders 0 to 54 of its column ImageDir.
Known bias: one hospital; by its users' accounts the PNGs hold stored values, so that images stored
as negatives (MONOCHROME1 in the table) are negatives: an import turns these round. Some images that
the table names are not in the release: they are left out and counted. Images of the same hospital
of 2020 are in ``bimcv``.
"""

import math
from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import (
    only_file,
    parse_age,
    parse_findings,
    parse_sex,
    read_table,
)
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "PADCHEST_chest_x_ray_images_labels_160K*.csv and images in 0/ to 54/"
LABELS = {
    "pneumonia": "pneumonia",
    "atypical pneumonia": "pneumonia",
    "tuberculosis": "tuberculosis",
    "normal": "normal",
}
FILE, FOLDER, PATIENT, FINDINGS = "ImageID", "ImageDir", "PatientID", "Labels"
VIEW, POLARITY = "Projection", "PhotometricInterpretation_DICOM"
BIRTH, DATE, SEX = "PatientBirth", "StudyDate_DICOM", "PatientSex_DICOM"
COLUMNS = (FILE, FOLDER, PATIENT, FINDINGS, VIEW, POLARITY, BIRTH, DATE, SEX)
VIEWS = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP supine"}
YEAR_DIGITS = 4


def read_padchest(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of the table under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If the table or all of its images are missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = only_file(root, "PADCHEST_chest_x_ray_images_labels_160K*.csv*", layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=COLUMNS, layout=LAYOUT):
        _read_row(row, root, chosen)
    listing = chosen.listing()
    if not listing.records:
        raise FileNotFoundError(f"{table}: no image that it names is there; expected {LAYOUT}")
    return listing


def _read_row(row: dict[str, str], root: Path, chosen: Selection) -> None:
    if row[VIEW] not in VIEWS:
        chosen.leave_out(NOT_FRONTAL)
        return
    findings = parse_findings(row[FINDINGS])
    if set(findings) != {"normal"}:
        findings = [name for name in findings if name != "normal"]
    label = chosen.classify(findings)
    if not label:
        return
    path = root / row[FOLDER].removesuffix(".0") / row[FILE]
    if not path.is_file():
        chosen.leave_out("named in the table, but not there")
        return
    chosen.use(
        Record(
            path=path,
            dataset="padchest",
            site="Hospital San Juan de Alicante",
            patient=row[PATIENT],
            label=label,
            view=VIEWS[row[VIEW]],
            age=_age(row),
            sex=parse_sex(row[SEX]),
            negative=row[POLARITY] == "MONOCHROME1",
        )
    )


def _age(row: dict[str, str]) -> float:
    """Return the years between birth and image, both known by the year only."""
    try:
        return parse_age(str(int(row[DATE][:YEAR_DIGITS]) - int(float(row[BIRTH]))))
    except ValueError:
        return math.nan
