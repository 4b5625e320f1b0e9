"""Which of a publisher's images are used, as what class, and why the others are not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isnet_cxr.data.datasets.layout import check_files, is_there
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.manifests.records import Record
from isnet_cxr.data.nearest import name_unknown

NOT_FRONTAL = "not a frontal view"
NOT_HERE = "not in this copy of the dataset"


@dataclass(frozen=True)
class Listing:
    """What a dataset holds.

    Attributes:
        records: The images that are used, in the publisher's order.
        left_out: How many images are not used, by reason.
        remarks: What else there is to say, and of how many images that are used.
        failures: What could not even be looked at.
        ignored: Files that are not used, and why, where a folder was searched for images; they
            are counted in ``left_out`` too.
    """

    records: list[Record]
    left_out: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    ignored: list[Failure] = field(default_factory=list)


class Selection:
    """Collects the images of a dataset one by one: each is used, or left out and counted."""

    def __init__(self, labels: Mapping[str, str], changes: Mapping[str, str] | None = None) -> None:
        """Start with no image.

        Args:
            labels: The publisher's labels and the classes that they stand for. An image with
                several of them gets the class of the one that stands first.
            changes: The user's own, which go before ``labels``; an empty class leaves out.
        """
        self._changed = dict(changes or {})
        merged = {**self._changed, **{k: v for k, v in labels.items() if k not in self._changed}}
        self._classes = {label: name for label, name in merged.items() if name}
        self._seen: set[str] = set()
        self._records: list[Record] = []
        self._unchecked: dict[int, Path] = {}
        self._rows_before = 0
        self._left_out: Counter[str] = Counter()
        self._remarks: Counter[str] = Counter()
        self._failures: list[Failure] = []
        self._ignored: list[Failure] = []

    def find(self, labels: Iterable[str]) -> str:
        """Return the class that any of an image's labels stands for, or nothing."""
        names = tuple(labels)
        self._seen.update(names)
        return next((name for label, name in self._classes.items() if label in names), "")

    def classify(self, label: str | Iterable[str], *, path: Path | None = None) -> str:
        """Return the class of an image by its label or findings; without one, it is left out.

        Args:
            label: The publisher's.
            path: Its file, to be listed if it is left out; see ``ignore``.
        """
        single = isinstance(label, str)
        found = self.find((label,) if isinstance(label, str) else label)
        if not found:
            named = f"label {label!r} stands for no class" if label else "no label"
            reason = named if single else "none of its findings stands for a class"
            self.leave_out(reason) if path is None else self.ignore(path, reason)
        return found

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count an image that is not used, or several."""
        self._left_out[reason] += count

    def ignore(self, path: Path, reason: str) -> None:
        """Count a file that is not used, and list it."""
        self.leave_out(reason)
        self._ignored.append(Failure(path, reason))

    def remark(self, remark: str) -> None:
        """Count an image that is used, but not with all that is published about it."""
        self._remarks[remark] += 1

    def fail(self, path: Path, reason: str) -> None:
        """List what should be an image and cannot be looked at."""
        self._failures.append(Failure(path, reason))

    def use(self, record: Record, *, row: int | None = None) -> None:
        """Take an image.

        Args:
            record: What is known of it.
            row: Its row in the publisher's table, from 0; by default the table's next row.
        """
        place = self._total() - self._rows_before if row is None else row
        self._unchecked[place] = record.path
        self._records.append(record)

    def check(self, *, table: Path, layout: str) -> None:
        """Make sure that the files of a table are there, once all of its rows are read.

        Raises:
            FileNotFoundError: If a file that the table names is missing.
        """
        check_files(self._unchecked, table=table, layout=layout)
        self._unchecked = {}
        self._rows_before = self._total()

    def check_partial(self, *, table: Path, layout: str) -> None:
        """Leave out the images of a table that are not there, once all of its rows are read.

        Raises:
            FileNotFoundError: If none is there.
        """
        missing = {path for path in self._unchecked.values() if not is_there(path)}
        if len(missing) < len(set(self._unchecked.values())):
            kept = [record for record in self._records if record.path not in missing]
            self.leave_out(NOT_HERE, len(self._records) - len(kept))
            self._records = kept
            self._unchecked = {}
        self.check(table=table, layout=layout)

    def listing(self) -> Listing:
        """Return what was collected.

        Raises:
            InputError: If a label that the user changes does not occur.
        """
        unknown = [label for label in self._changed if label not in self._seen]
        if unknown:
            raise InputError(f"labels: {name_unknown('label', unknown, sorted(self._seen - {''}))}")
        return Listing(
            self._records, dict(+self._left_out), dict(self._remarks),
            list(self._failures), list(self._ignored),
        )  # fmt: skip

    def _total(self) -> int:
        return len(self._records) + self._left_out.total()
