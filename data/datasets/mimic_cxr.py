"""MIMIC-CXR-JPG: radiographs of an emergency department, labels by text mining of reports.

Source: Beth Israel Deaconess Medical Center and MIT, on PhysioNet. Licence: credentialed access,
with a data use agreement.
Cite: Johnson et al. 2024, doi:10.13026/jsn5-t979 (version 2.1.0); Johnson et al. 2019,
arXiv:1901.07042.
Content: 377,110 images of 227,827 reports, 2011 to 2016. Lateral images are left out.
Label: findings of the CheXpert labeller that are present (1.0), for a whole study: any Pneumonia is
pneumonia, ``No Finding`` normal. Uncertain ones (-1.0) do not count. Age and sex are in MIMIC-IV.
Layout: mimic-cxr-2.0.0-metadata.csv and mimic-cxr-2.0.0-chexpert.csv, packed (.gz) or not, and
files/p10/p10000032/s50414267/<dicom_id>.jpg. The publisher's split is not kept.
Known bias: labels come from reports; emergency patients, many images AP; several per patient.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.chexpert import FINDINGS, present
from isnet_cxr.data.datasets.layout import only_file, read_table
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "mimic-cxr-2.0.0-{metadata,chexpert}.csv[.gz] and files/p*/p*/s*/*.jpg"
LABELS = {"Pneumonia": "pneumonia", "No Finding": "normal"}
FILE, PATIENT, STUDY, VIEW = "dicom_id", "subject_id", "study_id", "ViewPosition"
VIEWS = ("PA", "AP")
GROUP_LENGTH = 3


def read_mimic_cxr(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of the tables under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If a table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = only_file(root, "mimic-cxr-2.0.0-metadata.csv*", layout=LAYOUT)
    findings = _findings(only_file(root, "mimic-cxr-2.0.0-chexpert.csv*", layout=LAYOUT))
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=(FILE, PATIENT, STUDY, VIEW), layout=LAYOUT):
        if row[VIEW] not in VIEWS:
            chosen.leave_out(NOT_FRONTAL)
            continue
        label = chosen.classify(findings.get(row[STUDY], []))
        if label:
            patient = f"p{row[PATIENT]}"
            folder = root / "files" / patient[:GROUP_LENGTH] / patient / f"s{row[STUDY]}"
            chosen.use(
                Record(
                    path=folder / f"{row[FILE]}.jpg",
                    dataset="mimic_cxr",
                    site="Beth Israel Deaconess Medical Center",
                    patient=row[PATIENT],
                    label=label,
                    view=row[VIEW],
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def _findings(table: Path) -> dict[str, list[str]]:
    rows = read_table(table, columns=(STUDY, *FINDINGS), layout=LAYOUT)
    return {row[STUDY]: present(row) for row in rows}
