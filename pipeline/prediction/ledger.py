"""What came of every input, kept batch by batch, so that a job that was killed goes on.

Each finished batch is one file in ``ledger``, written whole or not at all, after its masks and
heatmaps: what is not in the ledger is done again. ``job.json`` says what decides the predictions;
a folder with the results of another model or setting is refused. The ledger names files: it stays
where the images are.
"""

import fcntl
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TextIO

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Found
from isnet_cxr.data.writers.atomic import remove_unfinished, replacing

LEDGER, JOB, LOCK = "ledger", "job.json", ".lock"
PREDICTIONS = "predictions.csv"
Kind = Literal["predicted", "failed", "refused"]


@dataclass(frozen=True)
class Entry:
    """What came of one input.

    Attributes:
        key: Tells the file from others, and from itself once it was changed.
        name: What results call it.
        kind: What came of it.
        reason: Why it was not predicted.
        row: Its cells of ``predictions.csv``, by column.
        reading: What its reader did.
    """

    key: str
    name: str
    kind: Kind
    reason: str = ""
    row: Mapping[str, str] = field(default_factory=dict)
    reading: str = ""


class Ledger:
    """The finished batches of a job.

    Attributes:
        keys: Of all inputs that are done.
        counts: Of their kinds.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        """Take up the batches in ``folder``; use ``open``."""
        self._folder, self._job = folder, dict(job)
        self._alone = _lock(folder)
        remove_unfinished(folder.parent)
        self._parts = sorted(folder.glob("[0-9]*.json"))
        self.keys: set[str] = set()
        self.counts: Counter[str] = Counter()
        for entry in self.entries():
            self._count(entry)

    @classmethod
    def open(cls, out: Path, job: Mapping[str, Any], *, inputs: Collection[str]) -> "Ledger":
        """Go on in ``out``, or begin there.

        A job that had come to its end tries those of its inputs once more that failed.

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

    def write(self, entries: Sequence[Entry]) -> None:
        """Keep a finished batch."""
        part = self._folder / f"{len(self._parts) + 1:06d}.json"
        _write([asdict(entry) for entry in entries], part)
        self._parts.append(part)
        for entry in entries:
            self._count(entry)

    def entries(self) -> Iterator[Entry]:
        """Yield what came of every input, in the order in which they were done."""
        for part in self._parts:
            for entry in json.loads(part.read_text(encoding="utf-8")):
                yield Entry(**entry)

    def finish(self) -> None:
        """Say that the job came to its end."""
        _write({"job": self._job, "finished": True}, self._folder / JOB)

    def __enter__(self) -> Self:
        """Return itself; its folder is locked already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let other processes into the folder."""
        self._alone.close()

    def _count(self, entry: Entry) -> None:
        self.keys.add(entry.key)
        self.counts[entry.kind] += 1


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


def _place(key: str) -> str:
    """Return the part of a key that stays when the file is changed."""
    return key.partition("-")[0]


def _forget_failures(folder: Path, inputs: Collection[str]) -> None:
    places = {_place(key) for key in inputs}
    for part in sorted(folder.glob("[0-9]*.json")):
        entries = json.loads(part.read_text(encoding="utf-8"))
        kept = [e for e in entries if e["kind"] != "failed" or _place(e["key"]) not in places]
        if len(kept) < len(entries):
            _write(kept, part)


def _write(content: Iterable[Any] | Mapping[str, Any], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
