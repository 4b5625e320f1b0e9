"""The results of all shards of a job, put together as if one job had made them.

What came of every input goes into one ledger, where copies of an image in two shards become
duplicates, and the tables follow from it; masks, heatmaps and the like are linked where the file
system can, copied where it cannot. The same ``predict`` without ``--shard`` goes on from there.
"""

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Shard
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED
from isnet_cxr.pipeline.prediction.ledger import JOB, LEDGER, Ledger
from isnet_cxr.pipeline.prediction.record import FAILURES, IGNORED, RUN, Outcome, write_record
from isnet_cxr.pipeline.prediction.tables import write_tables

MERGED, SHARD = "merged from", "shard"
BATCH = 1000


@dataclass(frozen=True)
class _Part:
    """A shard's folder, which shard it is, its job, and its ``run.json``."""

    folder: Path
    shard: Shard
    job: Mapping[str, Any]
    record: Mapping[str, Any]


def merge_shards(folders: Sequence[Path], out: Path) -> Outcome:
    """Put the results of all shards of a job together; return what came of the whole.

    Args:
        folders: Of the shards, in any order.
        out: Where the whole goes, made if missing; an earlier merge in it is made anew.

    Raises:
        FileNotFoundError: If a folder holds no results.
        InputError: If a shard is missing, twice there or not finished, the shards are of different
            models or settings, or ``out`` holds the results of a job.
    """
    parts = sorted((_read(folder) for folder in folders), key=lambda part: part.shard.number)
    _check(parts)
    _make_room(out, parts)
    job = {**parts[0].job, SHARD: str(Shard()), MERGED: len(parts)}
    failures: list[Failure] = []
    ignored: list[Failure] = []
    with Ledger.open(out, job, inputs=()) as whole:
        for part in parts:
            failures += _take(part, whole)
            ignored += _rows(part.folder / IGNORED)
            _link(part.folder, out)
        whole.finish()
        devices = ", ".join(sorted({part.record["device"] for part in parts} - {""}))
        early = Outcome(0, failures=failures, ignored=ignored)
        outcome = write_tables(whole, early, out, device=devices)
    model, seconds = parts[0].record["model"], Counter[str]()
    for part in parts:
        seconds.update(part.record["seconds"])
    write_record(
        outcome,
        out,
        digests={"model": model["sha256"], "lung segmenter": model["lungs_sha256"]},
        shard=Shard(),
        seconds=seconds,
        exit_code=PARTLY_FAILED if outcome.failures or outcome.refused else DONE,
    )
    return outcome


def _read(folder: Path) -> _Part:
    for path in (folder / RUN, folder / LEDGER / JOB):
        if not path.is_file():
            raise FileNotFoundError(f"{folder}: holds no results of predict: {path} is missing")
    try:
        record = json.loads((folder / RUN).read_text(encoding="utf-8"))
        job = json.loads((folder / LEDGER / JOB).read_text(encoding="utf-8"))["job"]
        shard, code = Shard.parse(job[SHARD]), record["exit_code"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{folder / RUN}: damaged, or of another version") from None
    if code not in (DONE, PARTLY_FAILED):
        raise InputError(
            f"{folder}: shard {shard} is not finished (exit code {code}): run its command again"
        )
    return _Part(folder, shard, job, record)


def _check(parts: Sequence[_Part]) -> None:
    first = parts[0]
    for part in parts:
        if part.shard.of != first.shard.of:
            raise InputError(f"{part.folder}: shard {part.shard}, expected one of {first.shard.of}")
        others = [key for key in first.job if key != SHARD and part.job.get(key) != first.job[key]]
        if others:
            raise InputError(
                f"{part.folder}: another {' and '.join(others)} than {first.folder}, "
                "expected the same"
            )
    counts = Counter(part.shard for part in parts)
    every = [Shard(number, first.shard.of) for number in range(1, first.shard.of + 1)]
    if missing := [str(shard) for shard in every if not counts[shard]]:
        raise InputError(f"shards that are missing: {', '.join(missing)}")
    if twice := [str(shard) for shard in every if counts[shard] > 1]:
        raise InputError(f"shards that are there twice: {', '.join(twice)}")


def _make_room(out: Path, parts: Sequence[_Part]) -> None:
    """Empty the ledger of an earlier merge, which may have been interrupted."""
    if out.resolve() in [part.folder.resolve() for part in parts]:
        raise InputError(f"{out}: is a shard's folder, expected another")
    job = out / LEDGER / JOB
    if not job.is_file():
        return
    if MERGED not in json.loads(job.read_text(encoding="utf-8"))["job"]:
        raise InputError(f"{out}: holds the results of a job, expected another folder")
    for part in (out / LEDGER).glob("[0-9]*.json"):
        part.unlink()


def _take(part: _Part, whole: Ledger) -> list[Failure]:
    """Copy a shard's ledger; return what failed before anything was predicted."""
    early = Counter((str(one.path), one.reason) for one in _rows(part.folder / FAILURES))
    with Ledger(part.folder / LEDGER, part.job) as ledger:
        entries = ledger.entries()
        while batch := list(islice(entries, BATCH)):
            whole.write(batch)
        for entry, successor in ledger.current():
            if entry.kind == "failed" and not successor:
                early[written_name(entry.name), entry.reason] -= 1
    return [Failure(Path(name), reason) for name, reason in early.elements()]


def _rows(path: Path) -> Iterator[Failure]:
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield Failure(Path(row["path"]), row["reason"])


def _link(folder: Path, out: Path) -> None:
    """Link what lies in a shard's folders of images; the same image in two shards is one file."""
    for own in sorted(folder.iterdir()):
        if not own.is_dir() or own.name == LEDGER or own.name.startswith("."):
            continue
        for path in own.rglob("*"):
            there = out / path.relative_to(folder)
            if path.is_file() and not there.exists():
                _place(path, there)


def _place(path: Path, there: Path) -> None:
    with replacing(there) as temporary:
        try:
            os.link(path, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, temporary)
