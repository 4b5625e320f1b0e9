"""covid-chestxray-dataset (Cohen): COVID-19 and other pneumonia from publications of ~100 sites.

Source: the covid-chestxray-dataset repository. Licence: per image, in the table.
Cite: Cohen et al. 2020, arXiv:2006.11988.
Content: frontal X-rays are used; lateral films and CT slices are left out.
Label: a finding with COVID-19 is covid, other Pneumonia pneumonia, ``No Finding`` normal; the rest
(tuberculosis, unknown, ...) is left out.
Layout: metadata.csv, images/.
Known bias: follow-up films of severe cases, AP supine with tubes and electrodes; hardly any normal
film; figures of publications, with arrows and letters; the same films are in other collections.
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

LAYOUT = "metadata.csv and images/"
COLUMNS = ("patientid", "finding", "view", "modality", "location", "folder", "filename")
VIEWS = {"PA": "PA", "AP": "AP", "AP Supine": "AP supine", "AP Erect": "AP"}


def read_cohen(root: Path) -> Listing:
    """List the frontal X-rays of the table under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        ValueError: If a column is missing.
    """
    table = existing_folder(root, layout=LAYOUT) / "metadata.csv"
    records = []
    left_out: Counter[str] = Counter()
    for row in read_table(table, columns=(*COLUMNS, "age", "sex"), layout=LAYOUT):
        reason = _reason_to_leave_out(row)
        if reason:
            left_out[reason] += 1
            continue
        records.append(
            Record(
                path=root / (row["folder"] or "images") / row["filename"],
                dataset="cohen",
                site=row["location"] or "cohen",
                patient=row["patientid"] or row["filename"],
                label=_label(row["finding"]),
                view=VIEWS[row["view"]],
                age=parse_age(row["age"]),
                sex=parse_sex(row["sex"]),
            )
        )
    existing_files((record.path for record in records), table=table)
    return Listing(records, dict(left_out))


def _reason_to_leave_out(row: dict[str, str]) -> str:
    if row["modality"] != "X-ray":
        return "not an X-ray"
    if row["view"] not in VIEWS:
        return "not a frontal view"
    return "" if _label(row["finding"]) else "another finding, or unknown"


def _label(finding: str) -> str:
    levels = finding.split("/")
    if "COVID-19" in levels:
        return "covid"
    if levels[0] == "Pneumonia":
        return "pneumonia"
    return "normal" if finding == "No Finding" else ""
