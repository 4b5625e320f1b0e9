"""Run jobs on a Ray cluster that exists; one whose machine is lost is begun again on another.

Every machine of the cluster needs this package in the same version, and sees the same folders under
the same paths: jobs keep what they have done there, and go on from it. Ray sends Python objects
between its processes: name only a cluster that you trust as yourself.
"""

import os
import socket
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.errors import is_users, one_line
from isnet_cxr.pipeline.study.parallel import Tell

Job = TypeVar("Job")
Message = tuple[int, str, Any]
Work = Callable[[Job, Tell], None]
POLL_S, KNOCK_S = 0.5, 10.0
LOSSES = 10
"""How many machines a job may lose before it is given up."""
DONE, WRONG, CRASHED = "done", "wrong input", "crashed"


class Mailbox:
    """What jobs have said and nobody has heard yet; lives beside the process that listens."""

    def __init__(self) -> None:
        """Begin empty."""
        self._messages: list[Message] = []

    def put(self, message: Message) -> None:
        """Keep a message."""
        self._messages.append(message)

    def take(self) -> list[Message]:
        """Return what came since the last call."""
        taken, self._messages = self._messages, []
        return taken


@contextmanager
def connected(address: str) -> Iterator[dict[str, float]]:
    """Connect to a cluster, and leave it at the end; yield what it has: CPUs, GPUs and more.

    Raises:
        InputError: If Ray is not installed, or no cluster answers there.
    """
    try:
        import ray
    except ImportError:
        raise InputError("--ray: Ray is not installed: pip install '.[ray]'") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _try_to_reach(address)
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        reason = one_line(error)[:200]
        raise InputError(f"--ray: no cluster answers at {address!r} ({reason})") from None
    try:
        yield dict(ray.cluster_resources())
    finally:
        ray.shutdown()


def _try_to_reach(address: str) -> None:
    """Knock at an address: Ray itself would try for minutes where nobody is."""
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def run_on_cluster(
    work: Work[Job],
    jobs: Sequence[Job],
    *,
    address: str,
    cpus: int,
    gpus: int = 1,
    on_message: Callable[[Job, str, Any], None],
) -> None:
    """Call ``work(job, tell)`` for every job on a cluster, as many at once as it has room for.

    Args:
        work: A function of a module.
        jobs: What to do; each must be picklable.
        address: Of the cluster, as ``ray start`` says it, or "auto".
        cpus: How many CPUs a job takes.
        gpus: How many GPUs, if the cluster has some.
        on_message: Called in this process with the job, kind and content of every ``tell``. A job
            that is begun again may repeat itself.

    Raises:
        InputError: If no cluster answers, or a job raised one (or ``FileNotFoundError``).
        RuntimeError: If a job raised anything else, or lost ``LOSSES`` machines.
    """
    if not jobs:
        return
    with connected(address) as resources:
        _run_all(work, jobs, cpus=cpus, gpus=gpus if resources.get("GPU") else 0, hear=on_message)


def _run_all(
    work: Work[Job],
    jobs: Sequence[Job],
    *,
    cpus: int,
    gpus: int,
    hear: Callable[[Job, str, Any], None],
) -> None:
    import ray

    mailbox = _mailbox()
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=LOSSES, max_calls=1)(_run)
    waiting = {task.remote(work, job, index, mailbox) for index, job in enumerate(jobs)}
    try:
        while waiting:
            ended, _ = ray.wait(list(waiting), num_returns=1, timeout=POLL_S)
            outcomes = [_outcome(one) for one in ended]
            for index, kind, content in ray.get(mailbox.take.remote()):
                hear(jobs[index], kind, content)
            for kind, content in outcomes:
                if kind == WRONG:
                    raise InputError(content)
                if kind == CRASHED:
                    raise RuntimeError(f"a job crashed:\n{content}")
            waiting -= set(ended)
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def _mailbox() -> Any:
    """Start the mailbox on this machine: others may be lost."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote()


def _outcome(task: Any) -> tuple[str, str]:
    import ray

    try:
        kind, content = ray.get(task)
    except ray.exceptions.RayError as error:
        return CRASHED, one_line(error)
    return kind, content


def _run(work: Work[Job], job: Job, index: int, mailbox: Any) -> tuple[str, str]:
    """What a process of the cluster does; Ray begins it again elsewhere if its machine is lost."""
    import ray

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    def tell(kind: str, content: Any = None) -> None:
        ray.get(mailbox.put.remote((index, kind, content)))

    try:
        work(job, tell)
    except Exception as error:  # the process's last frame: nothing is kept back, all of it is told
        if is_users(error):
            return WRONG, one_line(error)
        return CRASHED, traceback.format_exc()
    return DONE, ""
