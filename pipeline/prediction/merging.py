"""The results of all shards of a job, put together as if one job had written them.

Tables are joined and numbered anew; masks, heatmaps and the like are linked where the file system
can, copied where it cannot. Shards are only read.
"""

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Shard
from isnet_cxr.data.writers.atomic import PREFIX, replacing
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED
from isnet_cxr.pipeline.prediction.ledger import LEDGER, PREDICTIONS
from isnet_cxr.pipeline.prediction.record import FAILURES, FILES, IGNORED, REFUSALS, RUN

TABLES = (PREDICTIONS, FILES, FAILURES, REFUSALS, IGNORED)
COUNTS = ("found", "predicted", "failed", "refused", "ignored")
NUMBERED = "number"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class _Part:
    """A shard's folder, which shard it is, and its ``run.json``."""

    folder: Path
    shard: Shard
    record: Record


def merge_shards(folders: Sequence[Path], out: Path) -> Record:
    """Put the results of all shards of a job together.

    Args:
        folders: Of the shards, in any order.
        out: Where the whole goes, made if missing.

    Returns:
        The ``run.json`` of the whole.

    Raises:
        FileNotFoundError: If a folder holds no results.
        InputError: If a shard is missing, twice there or not finished, or the shards are of
            different models or versions, or ``out`` is one of them.
    """
    parts = sorted((_read(folder) for folder in folders), key=lambda part: part.shard.number)
    _check(parts, out)
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        _join([part.folder / name for part in parts], out / name)
    for part in parts:
        _link(part.folder, out)
    record = _summed([part.record for part in parts])
    with replacing(out / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _read(folder: Path) -> _Part:
    path = folder / RUN
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: holds no results of predict: {RUN} is missing")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        shard, code = Shard.parse(str(record["shard"])), record["exit_code"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: damaged, or of another version") from None
    if code not in (DONE, PARTLY_FAILED):
        raise InputError(
            f"{folder}: shard {shard} is not finished (exit code {code}): run its command again"
        )
    return _Part(folder, shard, record)


def _check(parts: Sequence[_Part], out: Path) -> None:
    first = parts[0]
    for part in parts:
        if part.shard.of != first.shard.of:
            raise InputError(f"{part.folder}: shard {part.shard}, expected one of {first.shard.of}")
        for key in ("model", "versions"):
            if part.record.get(key) != first.record.get(key):
                raise InputError(
                    f"{part.folder}: another {key} than {first.folder}, expected the same"
                )
    _check_whole([part.shard for part in parts])
    if out.resolve() in [part.folder.resolve() for part in parts]:
        raise InputError(f"{out}: is a shard's folder, expected another")
    if (out / LEDGER).is_dir():
        raise InputError(f"{out}: holds the results of a job, expected another folder")


def _check_whole(shards: Sequence[Shard]) -> None:
    counts = Counter(shards)
    every = [Shard(number, shards[0].of) for number in range(1, shards[0].of + 1)]
    if missing := [str(shard) for shard in every if not counts[shard]]:
        raise InputError(f"shards that are missing: {', '.join(missing)}")
    if twice := [str(shard) for shard in every if counts[shard] > 1]:
        raise InputError(f"shards that are there twice: {', '.join(twice)}")


def _join(paths: Sequence[Path], to: Path) -> None:
    """Join tables of equal columns; numbers go on from one to the next."""
    tables = [(path, _columns(path)) for path in paths]
    columns: list[str] = max((own for _, own in tables), key=len)  # an empty table names a few
    with replacing(to) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=columns)
        writer.writeheader()
        count = 0
        for path, own in tables:
            for row in _rows(path):
                if own != columns:
                    raise InputError(f"{path}: other columns than {to.name} of another shard has")
                count += 1
                writer.writerow(row | {NUMBERED: str(count)} if NUMBERED in row else row)


def _columns(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return next(csv.reader(stream), [])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def _link(folder: Path, out: Path) -> None:
    """Link what lies in a shard's folders of images; the same image in two shards is one file."""
    for own in sorted(folder.iterdir()):
        if not own.is_dir() or own.name == LEDGER or own.name.startswith(PREFIX):
            continue
        for path in own.rglob("*"):
            there = out / path.relative_to(folder)
            if path.is_file() and not there.exists():
                _place(path, there)


def _place(path: Path, there: Path) -> None:
    with replacing(there) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)


def _summed(records: Sequence[Record]) -> Record:
    reasons: Counter[str] = Counter()
    for record in records:
        reasons.update(record["ignored_reasons"])
    first = dict(records[0])
    sums = {name: sum(record[name] for record in records) for name in COUNTS}
    code = max(record["exit_code"] for record in records)
    merged = {"shard": str(Shard()), "shards": len(records)}
    return first | sums | {"ignored_reasons": dict(reasons), "exit_code": code} | merged
