"""Steps of one case, measured one by one: their times, and the memory they took at the peak.

Run as ``python -m isnet_cxr.classification.bench.steps`` it is the worker of ``process``: case and
settings come as a line of JSON on standard input, then one line for every step; each is answered
by one.
"""

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch

from isnet_cxr.classification.bench.cases import BenchSettings, case_step


@dataclass(frozen=True)
class Sample:
    """What one step measured.

    Attributes:
        cpu_seconds: Of all threads; on a GPU, which threads wait for, the clock's.
        wall_seconds: On the clock.
        peak_mib: Memory that the steps so far added to a process ready for them (interpreter,
            libraries, weights, images), at their peak; on a GPU, of the GPU.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


class CaseSteps:
    """Takes one case's step in this process, whose peak memory is also what ran here before."""

    def __init__(self, case: str, settings: BenchSettings) -> None:
        """Get ready for the steps of ``case``."""
        self._step = case_step(case, settings)
        self._gpu = settings.device if torch.device(settings.device).type == "cuda" else None
        self._before = _resident_mib() if self._gpu is None else _held_mib(self._gpu)

    def __enter__(self) -> Self:
        """Return itself; there is nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def take(self, *, one_thread: bool) -> Sample:
        """Take a step, on one thread or on all, and measure it."""
        every = torch.get_num_threads()
        try:
            torch.set_num_threads(1 if one_thread else every)
            cpu, wall = time.process_time(), time.perf_counter()
            self._step()
            if self._gpu is not None:
                torch.cuda.synchronize(self._gpu)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        finally:
            torch.set_num_threads(every)
        if self._gpu is not None:
            peak_mib = torch.cuda.max_memory_allocated(self._gpu) / 2**20
            return Sample(wall, wall, peak_mib - self._before)
        return Sample(cpu, wall, _peak_mib() - self._before)


def _resident_mib() -> float:
    """Memory held now; loading the libraries once took more, which must not hide the steps."""
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        return _peak_mib()
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20


def _held_mib(gpu: str) -> float:
    return torch.cuda.memory_allocated(gpu) / 2**20


def _peak_mib() -> float:
    """Most memory this program ever held.

    Not from ``getrusage`` where it can be helped: what that says on Linux is at least what the
    process that started this one held.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _answer() -> None:
    asked = json.loads(sys.stdin.readline())
    steps = CaseSteps(asked["case"], BenchSettings(**asked["settings"]))
    for line in sys.stdin:
        print(json.dumps(asdict(steps.take(one_thread=json.loads(line)))), flush=True)


if __name__ == "__main__":
    _answer()
