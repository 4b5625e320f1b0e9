"""The tables of a job, written from its ledger row by row, however many rows there are.

``predictions.csv`` and ``predictions.parquet`` hold the same: one row for every different image, by
its number and the hash of its pixels, and nothing that leads to a patient. They may be handed on.
``files.csv`` stays where the images are, as file names do: one row for every file that was
predicted, with what a PACS finds it by. Its ``number`` or, of a duplicate, its ``duplicate_of`` is
that of the image's row. A file that was changed since has a second row; ``replaced_by`` in the
first is the number of the second, or says that the changed file failed or was refused.

What is written batch by batch is the ledger; the tables follow from it at the end of a run.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.prediction.entry import Cell, Entry, written
from isnet_cxr.pipeline.prediction.ledger import PREDICTIONS, Ledger
from isnet_cxr.pipeline.prediction.record import Outcome

PARQUET, FILES = "predictions.parquet", "files.csv"
NAMES = ("number", "image_id")
"""First columns of all tables."""
ORIGIN = ("study_uid", "series_uid", "sop_uid", "accession")
FILE_COLUMNS = (*NAMES, "duplicate_of", "replaced_by", "file", *ORIGIN, "reading")


def write_tables(ledger: Ledger, early: Outcome, out: Path, *, device: str) -> Outcome:
    """Write all tables; return what came of the job.

    Args:
        ledger: Of the job.
        early: What was known before it began.
        out: Folder of the results.
        device: What the networks ran on.
    """
    kinds = _kinds(ledger)
    columns = [*NAMES, *kinds]
    _write_csv(columns, _predictions(ledger), out / PREDICTIONS)
    _write_csv(FILE_COLUMNS, _files(ledger), out / FILES)
    _write_parquet(kinds, out / PREDICTIONS, out / PARQUET)
    listed: dict[str, list[Failure]] = {"failed": list(early.failures), "refused": []}
    duplicates = 0
    for entry, successor in ledger.current():
        if successor:
            continue
        duplicates += bool(entry.duplicate_of)
        if entry.kind != "predicted":
            listed[entry.kind].append(Failure(Path(entry.name), entry.reason))
    return replace(
        early, count=ledger.counts["predicted"], duplicates=duplicates, failures=listed["failed"],
        refused=listed["refused"], device=device,
    )  # fmt: skip


def _kinds(ledger: Ledger) -> dict[str, type]:
    """Return the columns that outputs wrote, and whether each holds text or numbers."""
    kinds: dict[str, type] = {}
    for entry in ledger.entries():
        for name, value in entry.row.items():
            kind = str if isinstance(value, str) else float
            kinds[name] = str if kinds.get(name) is str else kind
    return kinds


def _predictions(ledger: Ledger) -> Iterator[dict[str, Any]]:
    for entry in ledger.entries():
        if entry.number and not entry.duplicate_of:
            yield {"number": entry.number, "image_id": entry.image_id, **entry.row}


def _files(ledger: Ledger) -> Iterator[dict[str, Any]]:
    for entry, successor in ledger.current():
        if entry.number:
            yield _file(entry, successor)


def _file(entry: Entry, successor: str) -> dict[str, Any]:
    return {
        "number": entry.number,
        "image_id": entry.image_id,
        "duplicate_of": entry.duplicate_of or "",
        "replaced_by": successor,
        "file": written_name(entry.name),
        **{name: getattr(entry.origin, name) for name in ORIGIN},
        "reading": entry.reading,
    }


def _write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([_text(row.get(name)) for name in columns] for row in rows)


def _text(value: Cell | int) -> str:
    return str(value) if isinstance(value, int) else written(value)


def _write_parquet(kinds: Mapping[str, type], table: Path, path: Path) -> None:
    """Write what a CSV table holds as Parquet, its columns numbers or text.

    Arrow reads the table itself: made of Python's rows, it would import pandas.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    types = {float: pa.float64(), str: pa.string()}
    schema = pa.schema(
        [("number", pa.int64()), ("image_id", pa.string())]
        + [(name, types[kind]) for name, kind in kinds.items()]
    )
    rows = pc.open_csv(
        table,
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(column_types=schema, strings_can_be_null=False),
    )
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for some in rows:
            writer.write_batch(some)
