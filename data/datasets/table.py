"""Any dataset with a CSV table: at least the columns path and label, one row per image.

A value such as NaN or N/A is none. Patient ids that differ in capital letters alone are one
patient: two would let a patient into training and test. Other columns of the manifest are taken
where present; what import computes itself (image_id, height_px, ...) is ignored. Paths are relative
to the table's folder. Without patient_id, DICOM files bring their own, and any other image is a
patient of its own. The table may come from Excel or Windows: see ``text_table`` and
``listed_paths``.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from isnet_cxr.data.datasets.layout import check_files, parse_age, parse_sex, read_table
from isnet_cxr.data.datasets.listed_paths import find_listed
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.boxes import Box, parse_boxes
from isnet_cxr.data.manifests.records import Record
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.readers.radiograph import Spacing, usable_spacing

LAYOUT = "a CSV table with the columns path and label"
REQUIRED = ("path", "label")
OPTIONAL = (
    "dataset",
    "site",
    "patient_id",
    "view",
    "age",
    "sex",
    "split",
    "lung_mask",
    "spacing_row_mm",
    "spacing_col_mm",
    "boxes",
)
UNSAID = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null", "nat"})
"""How pandas, R, Excel and databases write that there is no value."""
COMPUTED = (
    "image_id",
    "height_px",
    "width_px",
    "mask_source",
    "mask_quality",
    "reading",
    "review_flag",
)


def read_table_of_images(
    table: Path,
    *,
    labels: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Listing:
    """List the images that a table names.

    Args:
        table: The CSV file.
        labels: Other classes for some of its labels; an empty one leaves the images out.
        columns: The table's own name for a column of the manifest, such as
            ``{"label": "diagnosis"}``. When given, columns that are neither mapped nor known are
            ignored; otherwise they are an error, since a misspelt name would lose its content.

    Raises:
        FileNotFoundError: If the table or an image or mask that it names is missing.
        InputError: If a column is missing, unknown or mapped wrongly, an image has no label, or a
            label of ``labels`` does not occur.
    """
    mapping = dict(columns or {})
    known = [mapping.get(name, name) for name in _KNOWN]
    rows = read_table(table, known=known, layout=LAYOUT)
    if not rows:
        raise InputError(f"{table}: no row; expected {LAYOUT}")
    _check_columns(table, list(rows[0]), mapping)
    named = _named(table, rows, mapping, labels or {})
    spellings: dict[tuple[str, str], str] = {}
    chosen = Selection({row["label"]: row["label"] for row in named}, labels)
    masks: dict[int, Path] = {}
    labelled: dict[Path, str] = {}
    for index, row in enumerate(named):
        label = chosen.classify(row["label"])
        if label:
            record = _record(row, table, label, index)
            for remark in _doubts(row, record, labelled.setdefault(record.path, label)):
                chosen.remark(remark)
            first = spellings.setdefault(
                (record.dataset, record.patient.casefold()), record.patient
            )
            if first != record.patient:
                chosen.remark("patient_id as of another image but for capital letters: one patient")
            chosen.use(replace(record, patient=first))
            masks.update((index, path) for path in record.lung_masks)
    check_files(masks, table=table, layout=LAYOUT, what="lung masks")
    chosen.check(table=table, layout=LAYOUT)
    return chosen.listing()


_KNOWN = (*REQUIRED, *OPTIONAL)


def _check_columns(table: Path, present: list[str], mapping: dict[str, str]) -> None:
    wrong = [name for name in mapping if name not in _KNOWN]
    if wrong:
        raise InputError(f"column mapping: {name_unknown('manifest column', wrong, _KNOWN)}")
    absent = [name for name in mapping.values() if name not in present]
    if absent:
        raise InputError(f"{table}: {name_unknown('column', absent, present)}")
    if not mapping and not set(present) & set(_KNOWN):  # maybe no header, but a first row
        raise InputError(
            f"{table}: its first line has none of the columns {', '.join(REQUIRED)}; "
            "expected the columns' names there, and columns of other names to be mapped"
        )
    unknown = [name for name in present if name not in (*_KNOWN, *COMPUTED, *mapping.values())]
    if unknown and not mapping:
        raise InputError(f"{table}: {name_unknown('column', unknown, _KNOWN)}")
    missing = [name for name in REQUIRED if mapping.get(name, name) not in present]
    if missing:
        raise InputError(
            f"{table}: no column {', '.join(missing)}; it has {', '.join(present)}; "
            "map a column of another name to it"
        )


def _said(name: str, value: str, kept: Collection[str]) -> str:
    """Return a value, empty where a program wrote that there is none."""
    unsaid = name != "path" and value.lower() in UNSAID and not (name == "label" and value in kept)
    return "" if unsaid else value


def _named(
    table: Path, rows: list[dict[str, str]], mapping: Mapping[str, str], labels: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the rows under the manifest's names, each with a label that a person can read.

    Labels name columns and folders later.
    """
    named = [
        {name: _said(name, row.get(mapping.get(name, name), ""), labels) for name in _KNOWN}
        for row in rows
    ]
    column = mapping.get("label", "label")
    unlabelled = [index for index, row in enumerate(named) if not row["label"]]
    if unlabelled:
        raise InputError(
            f"{table}: column {column}, row {unlabelled[0]}: "
            f"expected a label, got none (in {len(unlabelled)} of {len(named)} rows)"
        )
    for index, row in enumerate(named):
        if not row["label"].isprintable():
            raise InputError(
                f"{table}: column {column}, row {index}: expected a label of printable characters"
            )
    return named


def _record(row: dict[str, str], table: Path, label: str, index: int) -> Record:
    dataset = row["dataset"] or table.stem
    mask = row["lung_mask"]
    return Record(
        path=find_listed(row["path"], table=table, place=f"column path, row {index}"),
        dataset=dataset,
        site=row["site"] or dataset,
        patient=row["patient_id"],
        label=label,
        view=row["view"],
        age=parse_age(row["age"]),
        sex=parse_sex(row["sex"]),
        lung_masks=(find_listed(mask, table=table, place=f"column lung_mask, row {index}"),)
        if mask
        else (),
        split=row["split"],
        spacing_mm=_spacing(row),
        boxes=_boxes(row["boxes"], table, index),
        box_frame=(1.0, 1.0),
    )


def _doubts(row: Mapping[str, str], record: Record, first_label: str) -> Iterator[str]:
    """Say what of a row was not understood, or goes against another row of the same file."""
    if record.label != first_label:
        yield "warning: the same file stands in another row with another label"
    if row["age"] and math.isnan(record.age):
        yield "age not understood, left out"
    if row["sex"] and not record.sex:
        yield "sex not understood, left out"


def _boxes(text: str, table: Path, index: int) -> tuple[Box, ...]:
    try:
        return parse_boxes(text)
    except ValueError as error:
        raise InputError(f"{table}: column boxes, row {index}: {error}") from None


def _spacing(row: dict[str, str]) -> Spacing | None:
    try:
        rows, columns = (
            float(row[name].replace(",", ".")) for name in ("spacing_row_mm", "spacing_col_mm")
        )
        return usable_spacing(rows, columns)
    except ValueError:
        return usable_spacing(math.nan, math.nan)
