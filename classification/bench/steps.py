"""Steps of one case, measured one by one: their times, and the memory they took at the peak.

Run as ``python -m isnet_cxr.classification.bench.steps`` it is the worker of ``process``: case and
settings come as a line of JSON on standard input, then one line for every step; each is answered
by one.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Self

import torch

from isnet_cxr.classification.bench.cases import BenchSettings, case_step
from isnet_cxr.classification.bench.meters import meter_for


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
        self._meter = meter_for(settings.device)

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
            work, wall = self._meter.seconds(), time.perf_counter()
            self._step()
            work, wall = self._meter.seconds() - work, time.perf_counter() - wall
        finally:
            torch.set_num_threads(every)
        return Sample(work, wall, self._meter.added_mib())


def _answer() -> None:
    asked = json.loads(sys.stdin.readline())
    steps = CaseSteps(asked["case"], BenchSettings(**asked["settings"]))
    for line in sys.stdin:
        print(json.dumps(asdict(steps.take(one_thread=json.loads(line)))), flush=True)


if __name__ == "__main__":
    _answer()
