"""BrixIA COVID-19: radiographs of COVID-19 inpatients with a severity score for six lung zones.

Source: University of Brescia and ASST Spedali Civili, the BrixIA project page. Licence: research,
on the project's terms; not for diagnosis.
Cite: Signoroni et al. 2021, doi:10.1016/j.media.2021.102046 (arXiv:2006.04603).
Content: 4,695 images by the project page (4,703 in its text) of one hospital in the first wave,
AP and PA, in DICOM; 150 of them read by five radiologists. One class: all patients had COVID-19.
Label: COVID-19, with a name of its own for images whose global score (0 to 18) is 0, that is
without visible abnormality; both are covid. View and patient (where the table has no column
Subject) come from the DICOM header.
Layout: metadata_global_v2.csv (with semicolons), dicom_clean/*.dcm.
Known bias: one class from one hospital, many images AP in bed with tubes; several per patient.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "metadata_global_v2.csv and dicom_clean/*.dcm"
LABELS = {"COVID-19": "covid", "COVID-19, score 0": "covid"}
FILE, SCORE = "Filename", "BrixiaScoreGlobal"
PATIENT, SEX, AGE = "Subject", "Sex", "AgeAtStudyDateFiveYear"


def read_brixia(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the table under ``root``.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = root / "metadata_global_v2.csv"
    rows = read_table(
        table,
        columns=(FILE, SCORE),
        optional=(PATIENT, SEX, AGE),
        layout=LAYOUT,
        delimiter=";",
    )
    chosen = Selection(LABELS, labels)
    for row in rows:
        label = chosen.classify("COVID-19, score 0" if row[SCORE] == "0" else "COVID-19")
        if label:
            chosen.use(
                Record(
                    path=root / "dicom_clean" / row[FILE],
                    dataset="brixia",
                    site="ASST Spedali Civili di Brescia",
                    patient=row[PATIENT],
                    label=label,
                    age=parse_age(row[AGE]),
                    sex=parse_sex(row[SEX]),
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()
