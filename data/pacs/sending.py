"""A folder of objects to an address, each once: what was taken is kept in ``sent.csv``.

An object is known by its number and the bytes of its file, an address by what was typed. The list
names no patient. A second sending goes on where the first one ended.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.failures import Failure, write_failures
from isnet_cxr.data.pacs.address import Node, Service, read_address
from isnet_cxr.data.pacs.files import Stored, stored_objects
from isnet_cxr.data.pacs.sent import NOT_SENT, SENT, Row, keeping, read_sent
from isnet_cxr.data.pacs.target import Target, UnreachableError

GIVE_UP = 3
"""So many objects in a row without an answer end the sending."""


@dataclass(frozen=True)
class Sending:
    """What came of every ``.dcm`` file of a folder.

    Attributes:
        sent: Taken now.
        before: Taken by an earlier sending.
        foreign: No results of this software.
        failures: Not taken, and why.
    """

    sent: int = 0
    before: int = 0
    foreign: int = 0
    failures: Sequence[Failure] = field(default=())

    def __str__(self) -> str:
        """Return one line that adds up."""
        found = self.sent + self.before + self.foreign + len(self.failures)
        return (
            f"{found} files: {self.sent} sent, {self.before} sent before, "
            f"{len(self.failures)} failed, {self.foreign} not made by isnet-cxr"
        )


class AwayError(InputError):
    """An address does not answer, or no more.

    Attributes:
        sending: What came of every object until then.
    """

    def __init__(self, reason: str, sending: Sending) -> None:
        """Say why, with the address."""
        super().__init__(reason)
        self.sending = sending


def send_folder(folder: Path, to: str) -> Sending:
    """Send all objects in a folder that an address has not taken yet.

    Args:
        folder: Searched with all folders in it. ``sent.csv`` and ``not-sent.csv`` are written here.
        to: An address, see ``address``.

    Raises:
        AwayError: If the address does not answer.
        InputError: If there is no object, or the address is none.
    """
    address = read_address(to)
    found = list(stored_objects(folder))
    objects = [one for one in found if isinstance(one, Stored)]
    if not objects:
        raise InputError(f"{folder}: no DICOM object that isnet-cxr made")
    taken = read_sent(folder / SENT)
    waiting = [one for one in objects if _row(to, one) not in taken]
    failures: list[Failure] = []
    away: UnreachableError | None = None
    if waiting:
        try:
            with _target(address, waiting) as target, keeping(folder / SENT) as keep:
                failures = list(_send(waiting, target, keep, to=to, folder=folder))
        except UnreachableError as error:
            away = error
            failures = _not_taken(waiting, to, str(error), folder)
    write_failures(failures, folder / NOT_SENT)
    sending = Sending(
        sent=len(waiting) - len(failures),
        before=len(objects) - len(waiting),
        foreign=len(found) - len(objects),
        failures=failures,
    )
    if away is not None:
        raise AwayError(f"{address}: {away}", sending)
    return sending


def _send(
    waiting: Sequence[Stored], target: Target, keep: Callable[[Row], None], *, to: str, folder: Path
) -> Iterator[Failure]:
    """Send objects and yield those that were not taken.

    Raises:
        UnreachableError: If the address does not answer the first, or ``GIVE_UP`` in a row.
    """
    unanswered = 0
    for number, one in enumerate(waiting):
        try:
            reason = target.send(one)
            unanswered = 0
        except UnreachableError as error:
            unanswered += 1
            if number == 0 or unanswered == GIVE_UP:
                raise
            reason = str(error)
        if reason:
            yield Failure(one.path.relative_to(folder), reason)
        else:
            keep(_row(to, one))


def _not_taken(waiting: Sequence[Stored], to: str, reason: str, folder: Path) -> list[Failure]:
    """Return what an address that is gone has not taken."""
    taken = read_sent(folder / SENT)
    left = [one for one in waiting if _row(to, one) not in taken]
    return [Failure(one.path.relative_to(folder), reason) for one in left]


def _target(address: Node | Service, objects: Sequence[Stored]) -> AbstractContextManager[Target]:
    if isinstance(address, Node):
        from isnet_cxr.data.pacs.store import opened  # noqa: PLC0415 - one library of the two

        return opened(address, objects)
    from isnet_cxr.data.pacs.web import ServiceTarget  # noqa: PLC0415 - the other

    return nullcontext(ServiceTarget(address))


def _row(to: str, one: Stored) -> Row:
    return to, one.sop_uid, one.sha256
