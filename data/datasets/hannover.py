"""COVID-19 Image Repository: radiographs of COVID-19 patients of Hannover Medical School.

Source: Institute for Diagnostic and Interventional Radiology, Hannover Medical School, the
repository ml-workgroup/covid-19-image-repository. Licence: CC BY 3.0.
Cite: Winther et al. 2020, doi:10.6084/m9.figshare.12275009.
Content: some 180 images of 56 patients in the table of 2020 (newer ones have more), CR and DX, AP
and PA. One class: all patients are positive. Age is redacted, sex is given.
Layout: data.csv with a row for each image, png/<image_id>.png.
Known bias: one class from one hospital; many images of a few patients in intensive care, AP.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import NOT_FRONTAL, Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "data.csv and png/*.png"
LABELS = {"COVID-19": "covid"}
COLUMNS = ("patient_id", "image_id", "sex", "age", "projection")
VIEWS = {"ap": "AP", "pa": "PA"}


def read_hannover(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the frontal images of the table under ``root``.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = root / "data.csv"
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=COLUMNS, layout=LAYOUT):
        if row["projection"] not in VIEWS:
            chosen.leave_out(NOT_FRONTAL)
            continue
        label = chosen.classify("COVID-19")
        if label:
            chosen.use(
                Record(
                    path=root / "png" / f"{row['image_id']}.png",
                    dataset="hannover",
                    site="Hannover Medical School",
                    patient=row["patient_id"],
                    label=label,
                    view=VIEWS[row["projection"]],
                    age=parse_age(row["age"]),
                    sex=parse_sex(row["sex"]),
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()
