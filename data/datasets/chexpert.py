"""CheXpert: radiographs of Stanford Hospital, labels by text mining of reports.

Source: Stanford University. Licence: research use agreement, not commercial.
Cite: Irvin et al. 2019, doi:10.1609/aaai.v33i01.3301590 (arXiv:1901.07031).
Content: 224,316 images of 65,240 patients, in the release 191,027 frontal ones in train.csv and 202
in valid.csv (read by radiologists). Lateral images are left out.
Label: findings that are present (1): any Pneumonia is pneumonia, ``No Finding`` normal, also with
support devices. Uncertain ones (-1) do not count.
Layout: CheXpert-v1.0/ or CheXpert-v1.0-small/, the root, with train.csv, valid.csv,
train/patient00001/study1/view1_frontal.jpg and valid/ likewise. The publisher's split is not kept.
Known bias: labels come from reports; four images of five are AP; several images per patient.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "train.csv, valid.csv, train/ and valid/, as in CheXpert-v1.0-small"
LABELS = {"Pneumonia": "pneumonia", "No Finding": "normal"}
FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 14 observations of the CheXpert labeller, which MIMIC-CXR-JPG has too."""
SEX, AGE, SIDE, VIEW = "Sex", "Age", "Frontal/Lateral", "AP/PA"
PARTS = ("train", "valid")
VIEWS = ("PA", "AP")


def read_chexpert(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of both tables under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If a table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    existing_folder(root, layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for part in PARTS:
        table = root / f"{part}.csv"
        columns = ("Path", SEX, AGE, SIDE, VIEW, *FINDINGS)
        for row in read_table(table, columns=columns, layout=LAYOUT):
            _read_row(row, root, chosen)
        chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def present(row: Mapping[str, str]) -> list[str]:
    """Return the findings that a row of the labeller calls present, not absent or uncertain."""
    return [name for name in FINDINGS if row[name] in {"1", "1.0"}]


def _read_row(row: dict[str, str], root: Path, chosen: Selection) -> None:
    if row[SIDE] != "Frontal":
        chosen.leave_out(NOT_FRONTAL)
        return
    label = chosen.classify(present(row))
    if not label:
        return
    inside = Path(*Path(row["Path"]).parts[1:])  # without the root's own name
    chosen.use(
        Record(
            path=root / inside,
            dataset="chexpert",
            site="Stanford Hospital",
            patient=inside.parts[1],
            label=label,
            view=row[VIEW] if row[VIEW] in VIEWS else "",
            age=parse_age(row[AGE]),
            sex=parse_sex(row[SEX]),
        )
    )
