"""Run jobs in processes of their own, a few at a time, and never leave one behind.

Processes are spawned, not forked (torch's threads do not survive a fork). A job that fails stops
the others; so does Ctrl-C, which they do not hear themselves: a terminal sends it to all, and one
that is still importing would print a traceback. A job whose study was killed notices and ends
itself.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol, TypeVar

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.errors import is_users, one_line

Job = TypeVar("Job")
GRACE_S = 5.0


class Tell(Protocol):
    """Sends what a job has to say to the process that started it."""

    def __call__(self, kind: str, content: Any = None) -> None:
        """Send ``content``, plain values only, as a message of ``kind``."""


@dataclass(frozen=True)
class _Running:
    index: int
    process: SpawnProcess
    messages: Connection


def run_jobs(
    work: Callable[[Job, Tell], None],
    jobs: Sequence[Job],
    *,
    at_once: int,
    on_message: Callable[[Job, str, Any], None],
) -> None:
    """Call ``work(job, tell)`` for every job in a spawned process.

    Args:
        work: A function of a module, so that a spawned process can find it.
        jobs: What to do; each must be picklable.
        at_once: How many processes run at the same time.
        on_message: Called in this process with the job, kind and content of every ``tell``.

    Raises:
        InputError: If a job raised one (or ``FileNotFoundError``): its message is the user's.
        RuntimeError: If a job raised anything else or its process died; holds its traceback.
    """
    # OpenMP's threads spin while they wait; beside other work on the same cores that made an epoch
    # up to ten times as long. A process reads this as it starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    context = multiprocessing.get_context("spawn")
    waiting = list(enumerate(jobs))
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_start(context, work, *waiting.pop(0)))
            for ready in wait([job.messages for job in running]):
                job = next(job for job in running if job.messages is ready)
                if not _relay(job, jobs[job.index], on_message):
                    running.remove(job)
    finally:
        _stop(running)


def _start(context: Any, work: Callable[[Job, Tell], None], index: int, job: Job) -> _Running:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, job, sender))  # may start others
    with _deaf_to_ctrl_c():  # as the process then is from its first moment on
        process.start()
    sender.close()  # so that the end of the process is the end of its messages
    return _Running(index, process, receiver)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back in the block; it comes afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _relay(running: _Running, job: Job, on_message: Callable[[Job, str, Any], None]) -> bool:
    """Pass one message on; False when the process has ended well."""
    try:
        kind, content = running.messages.recv()
    except EOFError:
        running.process.join()
        if running.process.exitcode:
            code = running.process.exitcode
            raise RuntimeError(f"a training's process died (exit code {code})") from None
        return False
    if kind == "wrong input":
        raise InputError(content)
    if kind == "crashed":
        raise RuntimeError(f"a training crashed:\n{content}")
    on_message(job, kind, content)
    return True


def _stop(running: list[_Running]) -> None:
    for job in running:
        job.process.terminate()
    for job in running:
        job.process.join(GRACE_S)
        if job.process.is_alive():
            job.process.kill()
            job.process.join()
        job.messages.close()


def _run(work: Callable[[Job, Tell], None], job: Job, messages: Connection) -> None:
    """What the spawned process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lock = threading.Lock()

    def tell(kind: str, content: Any = None) -> None:
        with lock:
            messages.send((kind, content))

    try:
        work(job, tell)
    except Exception as error:  # the process's last frame: nothing is kept back, all of it is told
        if is_users(error):
            tell("wrong input", one_line(error))
        else:
            tell("crashed", traceback.format_exc())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
