"""One job done by several processes of this machine together, as ``torchrun`` does on several."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from isnet_cxr.pipeline.study.parallel import Tell, run_jobs

Job = TypeVar("Job")


@dataclass(frozen=True)
class _Member(Generic[Job]):
    """What one of the processes is given: the job, its number of how many, where they meet."""

    work: Callable[[Job, Tell], None]
    job: Job
    number: int
    of: int
    meeting: Path


def run_together(
    work: Callable[[Job, Tell], None], job: Job, *, processes: int, tell: Tell
) -> None:
    """Call ``work(job, tell)`` in each of several processes that train together.

    A process that fails or dies ends the others, and all end with the one that calls.

    Args:
        work: A function of a module.
        job: What to do; picklable.
        processes: How many.
        tell: Hears the first process; what the others would tell is the same.

    Raises:
        InputError: If a process raised one (or ``FileNotFoundError``).
        RuntimeError: If a process raised anything else or died.
    """
    # Read as torch is imported: DDP's advice on weights that some methods leave out.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with TemporaryDirectory(prefix="isnet-cxr-") as folder:
        meeting = Path(folder) / "meeting"
        members = [_Member(work, job, number, processes, meeting) for number in range(processes)]
        run_jobs(
            _join_in,
            members,
            at_once=processes,
            on_message=lambda _, kind, content: tell(kind, content),
        )


def _join_in(member: _Member[Any], tell: Tell) -> None:
    from isnet_cxr.data.learning.processes import PLACE, join

    number, of = str(member.number), str(member.of)
    os.environ.update(dict(zip(PLACE, (number, of, number, of), strict=True)))
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nobody from outside can join
    join(member.meeting)
    member.work(member.job, tell if member.number == 0 else _say_nothing)


def _say_nothing(kind: str, content: Any = None) -> None:
    """Drop a message that the first process sends, too."""
