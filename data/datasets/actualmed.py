"""Actualmed COVID-19 chest X-ray dataset: frontal radiographs of patients who were tested.

Source: Actualmed and Universitat Jaume I with the COVID-Net project, the repository
agchung/Actualmed-COVID-chestxray-dataset. Licence: none stated; "for research purposes only".
Cite: the repository; Wang, Lin and Wong 2020, doi:10.1038/s41598-020-76550-z.
Content: some 240 images of March and April 2020, CR and DX, PA and AP: COVID-19, ``No finding``
(the infection is excluded), and inconclusive ones without a finding, which are left out.
Layout: metadata.csv, images/; of a partial copy, the images that are there.
Known bias: ``No finding`` says that COVID-19 was excluded, not that the image is normal; most
COVID-19 images are AP or come from one machine, most others are PA.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "metadata.csv and images/*.png"
LABELS = {"COVID-19": "covid", "No finding": "normal"}
COLUMNS = ("patientid", "sex", "age", "finding", "view", "imagename")
VIEWS = ("PA", "AP")


def read_actualmed(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of the table under ``root`` with a finding.

    Raises:
        FileNotFoundError: If the table is missing, or every image that it names.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = root / "metadata.csv"
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=COLUMNS, layout=LAYOUT):
        if row["view"] not in VIEWS:
            chosen.leave_out(NOT_FRONTAL)
            continue
        label = chosen.classify(row["finding"])
        if label:
            chosen.use(
                Record(
                    path=root / "images" / row["imagename"],
                    dataset="actualmed",
                    site="Actualmed",
                    patient=row["patientid"],
                    label=label,
                    view=row["view"],
                    age=parse_age(row["age"]),
                    sex=parse_sex(row["sex"]),
                )
            )
    chosen.check_partial(table=table, layout=LAYOUT)
    return chosen.listing()
