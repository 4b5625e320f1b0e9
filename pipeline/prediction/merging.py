"""The results of all shards of a job, put together as if one job had made them.

What came of every input goes into one ledger, where copies of an image in two shards become
duplicates, and the tables follow from it; masks, heatmaps, DICOM objects and the like are linked
where the file system can, copied where it cannot. What shards made of an image that is a duplicate
in the whole stays with them, and what an archive has taken from any of them counts as sent. The
same ``predict`` without ``--shard`` goes on from there.
"""

import csv
import heapq
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Shard
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.pacs.sent import NOT_SENT, SENT, add_sent
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED
from isnet_cxr.pipeline.prediction.entry import Entry
from isnet_cxr.pipeline.prediction.ledger import JOB, LEDGER, Ledger
from isnet_cxr.pipeline.prediction.record import FAILURES, IGNORED, RUN, Outcome, write_record
from isnet_cxr.pipeline.prediction.tables import write_tables

MERGED, SHARD = "merged from", "shard"
BATCH = 1000
ID_LENGTH = 16  # of an image id, which the names of files begin with


@dataclass(frozen=True)
class _Part:
    """A shard's folder, which shard it is, its job, and its ``run.json``."""

    folder: Path
    shard: Shard
    job: Mapping[str, Any]
    record: Mapping[str, Any]


def merge_shards(
    folders: Sequence[Path], out: Path, *, order: Mapping[str, int] | None = None
) -> Outcome:
    """Put the results of all shards of a job together; return what came of the whole.

    Args:
        folders: Of the shards, in any order.
        out: Where the whole goes, made if missing; an earlier merge in it is made anew.
        order: Places of files, by name, as they were found; alphabetical by default.

    Raises:
        FileNotFoundError: If a folder holds no results.
        InputError: If a shard is missing, twice there or not finished, the shards are of different
            models or settings, or ``out`` holds the results of a job.
    """
    parts = sorted((_read(folder) for folder in folders), key=lambda part: part.shard.number)
    _check(parts)
    if out.resolve() in [part.folder.resolve() for part in parts]:
        raise InputError(f"{out}: is a shard's folder, expected another")
    check_room(out)
    job = {**parts[0].job, SHARD: str(Shard()), MERGED: len(parts)}
    _forget_merge(out)
    place = partial(_place_of, order=order)
    for part, duplicates in zip(parts, _duplicates(parts, place), strict=True):
        _link(part.folder, out, without=duplicates)
    with Ledger.open(out, job, inputs=()) as whole:
        early = _fill(whole, parts, place)
        devices = ", ".join(sorted({part.record["device"] for part in parts} - {""}))
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


def check_room(out: Path) -> None:
    """Refuse a folder that holds the results of a job and not of an earlier merge.

    Raises:
        InputError: If it does.
    """
    job = out / LEDGER / JOB
    if job.is_file() and MERGED not in json.loads(job.read_text(encoding="utf-8"))["job"]:
        raise InputError(f"{out}: holds the results of a job, expected another folder")


def _forget_merge(out: Path) -> None:
    """Empty the ledger of an earlier merge, which may have been interrupted."""
    for part in (out / LEDGER).glob("[0-9]*.json"):
        part.unlink()


def _place_of(name: str, *, order: Mapping[str, int] | None) -> tuple[Any, ...]:
    if order is None:
        return Path(name).parts
    return (order.get(name, len(order)),)


def _entries(ledgers: Iterable[Ledger], place: Callable[[str], Any]) -> Iterator[tuple[int, Entry]]:
    """Yield what the shards did, in the order of the whole, each with the number of its shard."""

    def of_one(number: int, ledger: Ledger) -> Iterator[tuple[int, Entry]]:
        return ((number, entry) for entry in ledger.entries())

    return heapq.merge(
        *(of_one(number, ledger) for number, ledger in enumerate(ledgers)),
        key=lambda numbered: place(written_name(numbered[1].name)),
    )


def _duplicates(parts: Sequence[_Part], place: Callable[[str], Any]) -> list[set[str]]:
    """Return the images of each shard whose pixels an earlier file in another shard has."""
    owners: dict[str, int] = {}
    found: list[set[str]] = [set() for _ in parts]
    with _opened(parts) as ledgers:
        for number, entry in _entries(ledgers, place):
            if entry.image_id and owners.setdefault(entry.image_id, number) != number:
                found[number].add(entry.image_id)
    return found


@contextmanager
def _opened(parts: Sequence[_Part]) -> Iterator[list[Ledger]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Ledger(part.folder / LEDGER, part.job)) for part in parts]


def _fill(whole: Ledger, parts: Sequence[_Part], place: Callable[[str], Any]) -> Outcome:
    """Put the shards' ledgers into one, in order; return what was known before any of them."""
    early: Counter[tuple[str, str]] = Counter()
    ignored: list[Failure] = []
    with _opened(parts) as ledgers:
        entries = (entry for _, entry in _entries(ledgers, place))
        while batch := list(islice(entries, BATCH)):
            whole.write(batch)
        for part, ledger in zip(parts, ledgers, strict=True):
            early.update((str(one.path), one.reason) for one in _rows(part.folder / FAILURES))
            early.subtract(_failed(ledger))
            ignored += _rows(part.folder / IGNORED)
    whole.finish()
    failures = [Failure(Path(name), reason) for name, reason in early.elements()]
    return Outcome(
        0,
        failures=sorted(failures, key=lambda one: place(str(one.path))),
        ignored=sorted(ignored, key=lambda one: place(str(one.path))),
    )


def _failed(ledger: Ledger) -> Iterator[tuple[str, str]]:
    for entry, successor in ledger.current():
        if entry.kind == "failed" and not successor:
            yield written_name(entry.name), entry.reason


def _rows(path: Path) -> Iterator[Failure]:
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield Failure(Path(row["path"]), row["reason"])


def _link(folder: Path, out: Path, *, without: Collection[str]) -> None:
    """Link what lies in a shard's folders, but for what belongs to the images ``without``."""
    for own in sorted(folder.iterdir()):
        if not own.is_dir() or own.name == LEDGER or own.name.startswith("."):
            continue
        for path in own.rglob("*"):
            there = out / path.relative_to(folder)
            if path.name == SENT:
                add_sent(path, there)
            elif path.is_file() and not there.exists() and _belongs(path, without):
                _place(path, there)


def _belongs(path: Path, without: Collection[str]) -> bool:
    """Tell whether a shard's file is the whole's, too: no list, and of no image ``without``."""
    return path.name != NOT_SENT and path.name[:ID_LENGTH] not in without


def _place(path: Path, there: Path) -> None:
    with replacing(there) as temporary:
        try:
            os.link(path, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, temporary)
