"""covid-chestxray-dataset (Cohen): COVID-19 and other pneumonia from publications of ~100 sites.

Source: the covid-chestxray-dataset repository. Licence: per image, in the table.
Cite: Cohen et al. 2020, arXiv:2006.11988.
Content: frontal X-rays are used; lateral images and CT slices are left out.
Label: the levels of the finding, such as Pneumonia/Viral/COVID-19: with COVID-19 it is covid, other
Pneumonia is pneumonia, ``No Finding`` normal; the rest (tuberculosis, unknown, ...) is left out.
Layout: metadata.csv, images/.
Known bias: follow-up images of severe cases, AP supine with tubes and electrodes; hardly any normal
image; figures of publications, with arrows and letters; the same images are in other collections
(covid_cxnet, covidx, covid_radiography, v7).
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "metadata.csv and images/"
LABELS = {"COVID-19": "covid", "Pneumonia": "pneumonia", "No Finding": "normal"}
COLUMNS = ("patientid", "finding", "view", "modality", "location", "folder", "filename")
VIEWS = {"PA": "PA", "AP": "AP", "AP Supine": "AP supine", "AP Erect": "AP"}


def read_cohen(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal X-rays of the table under ``root`` with a finding that is used.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = existing_folder(root, layout=LAYOUT) / "metadata.csv"
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=(*COLUMNS, "age", "sex"), layout=LAYOUT):
        if row["modality"] != "X-ray":
            chosen.leave_out("not an X-ray")
            continue
        if row["view"] not in VIEWS:
            chosen.leave_out(NOT_FRONTAL)
            continue
        label = chosen.classify(row["finding"].split("/"))
        if label:
            chosen.use(
                Record(
                    path=root / (row["folder"] or "images") / row["filename"],
                    dataset="cohen",
                    site=row["location"] or "cohen",
                    patient=row["patientid"] or row["filename"],
                    label=label,
                    view=VIEWS[row["view"]],
                    age=parse_age(row["age"]),
                    sex=parse_sex(row["sex"]),
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()
