"""Peak memory of one case, measured in a process of its own: a process never gives its peak back.

Run as ``python -m classification.bench.memory``; settings come as JSON on standard input.
"""

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from classification.bench.cases import (
    TRAINING_CASES,
    BenchSettings,
    prediction_steps,
    training_step,
)

STEPS = 3  # the first allocates the optimizer's state


def peak_memory(case: str, settings: BenchSettings) -> float:
    """Measure what the steps of ``case`` add to a process that is ready for them.

    Args:
        case: A key of ``TRAINING_CASES``, or of what ``prediction_steps`` returns.
        settings: Of the bench.

    Returns:
        Peak resident memory in MiB, less that before the first step (interpreter, libraries,
        weights).

    Raises:
        RuntimeError: If the process failed; the message ends with what it printed.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "classification.bench.memory"],
        input=json.dumps({"case": case, "settings": asdict(settings)}),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    if ended.returncode:
        raise RuntimeError(f"measuring {case!r} failed: {ended.stderr[-2000:]}")
    return float(ended.stdout.splitlines()[-1])


def _measure(case: str, settings: BenchSettings) -> float:
    """Run steps of ``case`` here; see ``peak_memory``."""
    if case in TRAINING_CASES:
        step = training_step(TRAINING_CASES[case], settings)
    else:
        step = prediction_steps(settings)[case]
    before = _resident_mib()
    for _ in range(STEPS):
        step()
    return _peak_mib() - before


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
    print(_measure(asked["case"], BenchSettings(**asked["settings"])))
