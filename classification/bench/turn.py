"""One turn of one case, in a process of its own: its times and its peak memory.

A training is one process that takes the same step again and again. Cases that shared one would pay
for each other: the allocator hands out what the last case left behind, in pieces that do not fit,
and a process never gives its peak back.

Run as ``python -m classification.bench.turn``; case and settings come as JSON on standard input.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from classification.bench.cases import BenchSettings, Step, case_step

WARMING = 2  # steps: the first allocates the optimizer's state, the second finds its places taken
TIMED = 2  # on one thread, and on all


@dataclass(frozen=True)
class Turn:
    """What one turn measured.

    Attributes:
        cpu_seconds: Of a step on one thread, mean.
        wall_seconds: Of a step on all threads, mean.
        peak_mib: Memory that steps on one thread add to a process ready for them (interpreter,
            libraries, weights, films), at their peak.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


def take_turn(case: str, settings: BenchSettings) -> Turn:
    """Measure ``case`` in a fresh process.

    Raises:
        RuntimeError: If the process failed; the message ends with what it printed.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "classification.bench.turn"],
        input=json.dumps({"case": case, "settings": asdict(settings)}),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    if ended.returncode:
        raise RuntimeError(f"measuring {case!r} failed: {ended.stderr[-2000:]}")
    return Turn(**json.loads(ended.stdout.splitlines()[-1]))


def measure_here(case: str, settings: BenchSettings) -> Turn:
    """Measure ``case`` in this process; its peak memory is then also what ran here before."""
    every = torch.get_num_threads()
    step = case_step(case, settings)
    before = _resident_mib()
    try:
        torch.set_num_threads(1)
        cpu_seconds = _time(step, time.process_time)
        peak_mib = _peak_mib() - before
    finally:
        torch.set_num_threads(every)
    return Turn(cpu_seconds, _time(step, time.perf_counter), peak_mib)


def _time(step: Step, clock: Callable[[], float]) -> float:
    """Mean seconds of the timed steps, which follow those that warm up."""
    for _ in range(WARMING):
        step()
    begun = clock()
    for _ in range(TIMED):
        step()
    return (clock() - begun) / TIMED


def _resident_mib() -> float:
    """Memory held now; loading the libraries once took more, which must not hide the steps."""
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        return _peak_mib()
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20


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


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asdict(measure_here(asked["case"], BenchSettings(**asked["settings"])))))
