"""Figure 1 COVID-19 chest X-ray dataset: radiographs that clinicians sent to the app Figure 1.

Source: Figure 1 with the COVID-Net project, the repository
agchung/Figure1-COVID-chestxray-dataset. Licence: none stated; "for research purposes only".
Cite: the repository; Wang, Lin and Wong 2020, doi:10.1038/s41598-020-76550-z.
Content: 55 images of 48 patients: 35 COVID-19, 3 ``No finding``, 2 pneumonia, and 15 without a
finding, which are left out. The view is known for a third of them; no lateral image is named.
Layout: metadata.csv, images/<patientid>.jpg or .png; a letter at the end of the id (COVID-00003a)
tells the images of one patient apart.
Known bias: photographs of screens with colour tints and stickers, sent in for being remarkable;
its images stand in ``covidx`` too.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "metadata.csv and images/<patientid>.{jpg,png}"
LABELS = {"COVID-19": "covid", "Pneumonia": "pneumonia", "No finding": "normal"}
COLUMNS = ("patientid", "sex", "age", "finding", "view")
VIEWS = {"PA": "PA", "AP": "AP", "AP erect": "AP"}


def read_figure1(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the table under ``root`` with a finding.

    Raises:
        FileNotFoundError: If the table or an image that it names is missing.
        InputError: If a column is missing, or a label of ``labels`` does not occur.
    """
    table = root / "metadata.csv"
    chosen = Selection(LABELS, labels)
    for row in read_table(table, columns=COLUMNS, layout=LAYOUT):
        label = chosen.classify(row["finding"])
        if label:
            photograph = root / "images" / f"{row['patientid']}.jpg"
            chosen.use(
                Record(
                    path=photograph if photograph.is_file() else photograph.with_suffix(".png"),
                    dataset="figure1",
                    site="Figure 1",
                    patient=row["patientid"].rstrip("abcdefgh"),
                    label=label,
                    view=VIEWS.get(row["view"], ""),
                    age=parse_age(row["age"]),
                    sex=parse_sex(row["sex"]),
                )
            )
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()
