"""What came of every input, kept batch by batch, so that a job that was killed goes on.

Each finished batch is one file in ``ledger``, written whole or not at all, after its masks and
heatmaps: what is not in the ledger is done again. ``job.json`` says what decides the predictions;
a folder with the results of another model or setting is refused. The ledger names files: it stays
where the images are.

In memory it keeps some bytes of every input: which files are done, and the number of each image.
"""

import fcntl
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TextIO

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Found
from isnet_cxr.data.writers.atomic import remove_unfinished, replacing
from isnet_cxr.pipeline.prediction.entry import Entry, as_plain, from_plain

LEDGER, JOB, LOCK = "ledger", "job.json", ".lock"
PREDICTIONS = "predictions.csv"


class Ledger:
    """The finished batches of a job.

    Attributes:
        counts: Of the kinds of what is current.
        numbers: How many numbers are given to images.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        """Take up the batches in ``folder``; use ``open``."""
        self._folder, self._job = folder, dict(job)
        self._alone = _lock(folder)
        remove_unfinished(folder.parent)
        self._parts = sorted(folder.glob("[0-9]*.json"))
        self._done: dict[bytes, tuple[str, str, int]] = {}  # place -> state, kind, which entry
        self._successors: dict[bytes, str] = {}  # of places that were done twice
        self._images: dict[bytes, int] = {}  # image id -> number
        self.counts: Counter[str] = Counter()
        self.numbers = self._total = 0
        for entry in self.entries():
            self._count(entry)

    @classmethod
    def open(cls, out: Path, job: Mapping[str, Any], *, inputs: Collection[str]) -> "Ledger":
        """Go on in ``out``, or begin there.

        A job that had come to its end tries those of its inputs once more that failed. One that
        was interrupted does not, so that it ends as if it never was.

        Args:
            out: Folder of the results, made if missing.
            job: Plain values: everything that decides the predictions.
            inputs: Keys of what is to be predicted now.

        Raises:
            InputError: If ``out`` holds the results of another job.
        """
        folder = out / LEDGER
        if not (folder / JOB).is_file():
            if (out / PREDICTIONS).exists():
                raise InputError(
                    f"{out}: holds {PREDICTIONS} without a {LEDGER}, of an earlier version: "
                    "expected an empty folder, or one that this version began"
                )
            folder.mkdir(parents=True, exist_ok=True)
            _write({"job": dict(job), "finished": False}, folder / JOB)
            return cls(folder, job)
        before = json.loads((folder / JOB).read_text(encoding="utf-8"))
        known = json.loads(json.dumps(dict(job)))
        if other := [name for name in known if before["job"].get(name) != known[name]]:
            raise InputError(
                f"{out}: holds predictions with another {' and '.join(other)}: "
                "expected the same, or another folder"
            )
        if before["finished"]:
            _forget_failures(folder, inputs)
            _write({"job": known, "finished": False}, folder / JOB)
        return cls(folder, job)

    def has(self, key: str) -> bool:
        """Tell whether an input is done, as it is now."""
        place, state = _parted(key)
        return place in self._done and self._done[place][0] == state

    def number_of(self, image_id: str) -> int:
        """Return the number of the first prediction of an image; 0 if there is none."""
        return self._images.get(bytes.fromhex(image_id), 0)

    def write(self, entries: Sequence[Entry]) -> None:
        """Number the images of a finished batch, and keep it."""
        numbered = [self._numbered(entry) for entry in entries]
        part = self._folder / f"{len(self._parts) + 1:06d}.json"
        _write([as_plain(entry) for entry in numbered], part)
        self._parts.append(part)
        for entry in numbered:
            self._count(entry)

    def entries(self) -> Iterator[Entry]:
        """Yield what came of every input, in the order in which they were done."""
        for part in self._parts:
            for entry in json.loads(part.read_text(encoding="utf-8")):
                yield from_plain(entry)

    def current(self) -> Iterator[tuple[Entry, str]]:
        """Yield the entries, each with what replaced it: a number, a kind, or nothing.

        A file that was changed is predicted again. What came of it before is replaced: it is
        neither counted nor listed any more, but for its number, which others may refer to.
        """
        for which, entry in enumerate(self.entries(), 1):
            place, _ = _parted(entry.key)
            yield entry, "" if self._done[place][2] == which else self._successors[place]

    def finish(self) -> None:
        """Say that the job came to its end."""
        _write({"job": self._job, "finished": True}, self._folder / JOB)

    def __enter__(self) -> Self:
        """Return itself; its folder is locked already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let other processes into the folder."""
        self._alone.close()

    def _numbered(self, entry: Entry) -> Entry:
        """Give an image the next number; one that has one already becomes its duplicate."""
        if not entry.image_id:
            return entry
        self.numbers += 1
        first = self._images.setdefault(bytes.fromhex(entry.image_id), self.numbers)
        if first == self.numbers:
            return replace(entry, number=self.numbers)
        return replace(entry, number=self.numbers, duplicate_of=first, row={})

    def _count(self, entry: Entry) -> None:
        place, state = _parted(entry.key)
        self._total += 1
        if place in self._done:
            self.counts[self._done[place][1]] -= 1
            self._successors[place] = str(entry.number or entry.kind)
        self._done[place] = state, entry.kind, self._total
        self.counts[entry.kind] += 1
        if entry.number:
            self.numbers = max(self.numbers, entry.number)
            self._images.setdefault(bytes.fromhex(entry.image_id), entry.number)


def _lock(folder: Path) -> TextIO:
    """Keep a second process out of a job's folder, for as long as the file returned is open.

    Raises:
        InputError: If one is there already.
    """
    lock = (folder / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise InputError(f"{folder.parent}: another process is predicting into it") from None
    return lock


def key_of(one: Found) -> str:
    """Name a found file so that a changed one has another name: place, size and time of change.

    A file that is gone since it was found is named by its place: to read it will fail.
    """
    try:
        state = one.path.stat()
        changed = f"{state.st_size}-{state.st_mtime_ns}"
    except OSError:
        changed = "gone"
    place = f"{one.path.absolute()}\0{one.member}\0{one.index}".encode(errors="surrogateescape")
    digest = hashlib.blake2b(place, digest_size=16).hexdigest()
    return f"{digest}-{changed}"


def _parted(key: str) -> tuple[bytes, str]:
    """Return the part of a key that stays when the file is changed, and the part that does not."""
    place, _, state = key.partition("-")
    return bytes.fromhex(place), state


def _forget_failures(folder: Path, inputs: Collection[str]) -> None:
    places = {_parted(key)[0] for key in inputs}
    for part in sorted(folder.glob("[0-9]*.json")):
        entries = json.loads(part.read_text(encoding="utf-8"))
        kept = [
            entry
            for entry in entries
            if entry["kind"] != "failed" or _parted(entry["key"])[0] not in places
        ]
        if len(kept) < len(entries):
            _write(kept, part)


def _write(content: Iterable[Any] | Mapping[str, Any], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
