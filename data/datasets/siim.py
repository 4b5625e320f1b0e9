"""SIIM-FISABIO-RSNA COVID-19 Detection 2021: radiographs for COVID-19, read by radiologists.

Source: the Society for Imaging Informatics in Medicine, FISABIO and RSNA, on Kaggle; images of the
collections BIMCV-COVID19+ and MIDRC-RICORD. Licence: the competition's rules, non-commercial.
Cite: Lakhani et al. 2023, doi:10.1007/s10278-022-00706-8.
Content: 6,334 images of 6,054 studies (the challenge's training part), AP and PA. Both classes
come from the same hospitals; which one an image is from is not published.
Label: of the study. ``Negative for Pneumonia`` is normal; typical, indeterminate and atypical
appearance are covid: what the image looks like, not what a test said. A negative image may be one
of a patient with COVID-19, or show something else than pneumonia.
Layout: train_study_level.csv, train_image_level.csv, and images of any folder under train/ that
are called by their id: train/<study>/<series>/<image>.dcm as published, or train/<image>.jpg.
Patients: ``StudyInstanceUID``, for want of others; follow-ups of one patient may stand in several
studies, so that a split may part them.
Boxes: opacities, drawn on the original images, in their pixels. They are kept for DICOM files, and
for copies of other sizes where a meta.csv (image_id, dim0: the original's height, dim1: its width)
lies beside the tables; without, the original's size is unknown and its boxes are left out.
Known bias: images of ``bimcv`` and RICORD (in ``covidx``) again; COVID-19 images are more often AP.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from isnet_cxr.data.datasets.layout import existing_folder, read_table
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.boxes import Box, place_boxes
from isnet_cxr.data.manifests.records import Frame, Record
from isnet_cxr.data.readers import is_image_file

LAYOUT = (
    "train_study_level.csv, train_image_level.csv and train/<image>.jpg or "
    "train/<study>/<series>/<image>.dcm"
)
LABELS = {
    "Negative for Pneumonia": "normal",
    "Typical Appearance": "covid",
    "Indeterminate Appearance": "covid",
    "Atypical Appearance": "covid",
}
STUDY = "StudyInstanceUID"
WORDS = 6
"""Of a box in the table: its name, a confidence that is always 1, and four sides."""

UNSIZED = "boxes left out, the original image's size is unknown (no row in a meta.csv)"
OUTSIDE = "boxes left out, they reach out of the size in meta.csv"


def read_siim(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images of the tables under ``root``.

    Raises:
        FileNotFoundError: If a table, or an image that one names, is missing.
        InputError: If a column is missing, a study has no class or two, boxes or sizes are
            damaged, or a label of ``labels`` does not occur.
    """
    table = root / "train_image_level.csv"
    studies = _studies(root / "train_study_level.csv")
    rows = read_table(table, columns=("id", "label", STUDY), layout=LAYOUT)
    files = _files(root / "train")
    sizes = _sizes(root / "meta.csv")
    chosen = Selection(LABELS, labels)
    for index, row in enumerate(rows):
        if row[STUDY] not in studies:
            raise InputError(f"{table}: row {index}: its study is not in train_study_level.csv")
        label = chosen.classify(studies[row[STUDY]])
        if not label:
            continue
        image = row["id"].removesuffix("_image")
        record = Record(
            path=files.get(image, root / "train" / f"{image}.dcm"),
            dataset="siim",
            site="SIIM-FISABIO-RSNA",
            patient=row[STUDY],
            label=label,
            boxes=tuple(_boxes(row["label"], f"{table}: row {index}")),
            box_frame=sizes.get(image),
        )
        unplaced = _unplaced(record)
        if unplaced:
            chosen.remark(unplaced)
        chosen.use(replace(record, boxes=()) if unplaced else record)
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


def _studies(table: Path) -> dict[str, str]:
    """Return the class of each study as it is published."""
    found = {}
    for index, row in enumerate(read_table(table, columns=("id", *LABELS), layout=LAYOUT)):
        marked = [name for name in LABELS if row[name] == "1"]
        if len(marked) != 1:
            raise InputError(f"{table}: row {index}: expected a 1 in one class, got {len(marked)}")
        found[row["id"].removesuffix("_study")] = marked[0]
    return found


def _files(folder: Path) -> dict[str, Path]:
    """Return the image files under a folder by the name that they have without suffix."""
    found = sorted(existing_folder(folder, layout=LAYOUT).rglob("*"))
    return {path.stem: path for path in found if is_image_file(path)}


def _sizes(table: Path) -> dict[str, Frame]:
    """Return the originals' heights and widths, as far as a table tells them."""
    if not table.is_file():
        return {}
    sizes: dict[str, Frame] = {}
    for index, row in enumerate(
        read_table(table, columns=("image_id", "dim0", "dim1"), layout=LAYOUT)
    ):
        height, width = row["dim0"], row["dim1"]
        if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise InputError(
                f"{table}: row {index}: expected dim0 and dim1 in pixels, "
                f"got {height!r} and {width!r}"
            )
        sizes[row["image_id"].removesuffix("_image")] = (int(height), int(width))
    return sizes


def _boxes(text: str, place: str) -> Iterator[Box]:
    """Yield the boxes of ``opacity 1 <left> <top> <right> <bottom> opacity ...``, in pixels."""
    words = text.split()
    for start in range(0, len(words), WORDS):
        name, *numbers = words[start : start + WORDS]
        if name == "none":
            continue
        try:
            _, left, top, right, bottom = map(float, numbers)
        except ValueError:
            raise InputError(
                f"{place}: column label: expected opacity 1 <left> <top> <right> <bottom>, or none"
            ) from None
        yield left, top, right, bottom


def _unplaced(record: Record) -> str:
    """Say why boxes in the original's pixels cannot be placed on a file; empty when they can."""
    if not record.boxes:
        return ""
    if record.box_frame is not None:
        height, width = record.box_frame
        return "" if place_boxes(record.boxes, height=height, width=width) else OUTSIDE
    return "" if record.path.suffix.lower() == ".dcm" else UNSIZED
