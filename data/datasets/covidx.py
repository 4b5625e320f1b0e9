"""COVIDx CXR: a collection of other collections, for COVID-19, other pneumonia and normal.

Source: the COVID-Net project, University of Waterloo and DarwinAI. Licence: that of each source.
Cite: Wang, Lin and Wong 2020, doi:10.1038/s41598-020-76550-z.
Content: version CXR-3 A has 29,634 images for training (8,085 normal, 5,555 pneumonia, 15,994
COVID-19 of 2,808 patients) and 400 for testing; version B tells COVID-19 positive from negative.
Label: normal, pneumonia, COVID-19 or positive; negative (normal and pneumonia in one) is left out.
Layout: one list for each part, train*.txt, test*.txt and val*.txt where there is one, with patient,
file, label and source in each line, and the images in train/, test/ and val/. The publisher's split
is not kept.
Known bias: each class comes from sources of its own (normal and most pneumonia from RSNA, COVID-19
from cohen, figure1, actualmed, covid_radiography, RICORD and BIMCV): the source gives the class
away. It is the column site, for isnet_cxr.data.manifests.splits.leave_one_site_out. Its images
stand in those sets too: use the search for duplicates before any of them is a test.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, only_file
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.datasets.text_table import read_text
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.records import Record

LAYOUT = "train*.txt and test*.txt (patient file label source) and train/, test/"
LABELS = {
    "COVID-19": "covid",
    "positive": "covid",
    "pneumonia": "pneumonia",
    "normal": "normal",
}
PARTS = ("train", "val", "test")
FIELDS = 4


def read_covidx(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of all parts under ``root``.

    Raises:
        FileNotFoundError: If there is no list for training, several for one part, or an image of a
            list is missing.
        InputError: If a line of a list is another, or a label of ``labels`` does not occur.
    """
    existing_folder(root / "train", layout=LAYOUT)
    chosen = Selection(LABELS, labels)
    for part in (name for name in PARTS if (root / name).is_dir()):
        table = only_file(root, f"{part}*.txt", layout=LAYOUT)
        for number, line in enumerate(read_text(table).splitlines()):
            patient, _, rest = line.strip().partition(" ")
            fields = [patient, *rest.rsplit(" ", FIELDS - 2)]  # file names may hold blanks
            if len(fields) != FIELDS:
                raise InputError(f"{table}: row {number}: patient, file, label, source expected")
            _read_line(fields, root / part, chosen)
        chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def _read_line(fields: list[str], folder: Path, chosen: Selection) -> None:
    patient, name, published, source = fields
    label = chosen.classify(published)
    if label:
        chosen.use(
            Record(
                path=folder / name,
                dataset="covidx",
                site=source,
                patient=f"{source}/{patient}",
                label=label,
            )
        )
