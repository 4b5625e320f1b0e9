"""What a step takes of the processor or of a GPU: seconds of work, and memory."""

import resource
import sys
import time
from pathlib import Path
from typing import Protocol

import torch


class Meter(Protocol):
    """Measures one device from its making on."""

    def seconds(self) -> float:
        """Seconds of work so far, once all that was begun is done; only differences count."""

    def added_mib(self) -> float:
        """Memory at its peak, beyond what was held at first."""


class ProcessorMeter:
    """This process: seconds of all of its threads, and its resident memory."""

    def __init__(self) -> None:
        """Take what is held now: to load libraries once took more, and must hide no steps."""
        self._before = _resident_mib()

    def seconds(self) -> float:
        """Seconds of the processor."""
        return time.process_time()

    def added_mib(self) -> float:
        """Memory at its peak, what ran here before the meter was made included."""
        return peak_mib() - self._before


class GpuMeter:
    """A GPU, which the process's threads wait for: seconds of the clock, and the GPU's memory."""

    def __init__(self, device: str) -> None:
        """Take what is held now on ``device``, as torch names it."""
        self._device = device
        self._before = torch.cuda.memory_allocated(device) / 2**20

    def seconds(self) -> float:
        """Seconds of the clock."""
        torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def added_mib(self) -> float:
        """Memory at its peak."""
        return torch.cuda.max_memory_allocated(self._device) / 2**20 - self._before


def meter_for(device: str) -> Meter:
    """Return what measures work on a device, as torch names it."""
    return GpuMeter(device) if torch.device(device).type == "cuda" else ProcessorMeter()


def peak_mib() -> float:
    """Most memory that this process has held at once.

    Not from ``getrusage`` where it can be helped: what that says on Linux is at least what the
    process that started this one held.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _resident_mib() -> float:
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        return peak_mib()
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
