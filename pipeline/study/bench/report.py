"""Processor time and memory of a study's figures, report and documents, on made predictions."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from isnet_cxr.pipeline.study.bench.made import Size, make_study

CPU_LIMIT_S, PEAK_LIMIT_MB = 60.0, 2000.0
_REPORT = (
    "import sys; from isnet_cxr.pipeline.study.bench.report import report_here; "
    "report_here(*sys.argv[1:])"
)


@dataclass(frozen=True)
class Cost:
    """What it took.

    Attributes:
        cpu_s: Processor seconds, the imports included.
        wall_s: Seconds on the wall.
        peak_mb: Peak of resident memory, in MB.
        page_bytes: Size of the report.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    page_bytes: int


def measure_report(size: Size, out: Path | None = None) -> Cost:
    """Make a study, and write its report in a process of its own.

    Args:
        size: Of the study.
        out: Folder to keep it in; None keeps nothing.
    """
    with tempfile.TemporaryDirectory() as kept_nowhere:
        folder = out or Path(kept_nowhere)
        make_study(folder, size)
        command = [sys.executable, "-c", _REPORT, str(folder), str(size.runs), str(size.images)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        return Cost(**json.loads(ended.stdout.splitlines()[-1]))


def report_here(folder: str, runs: str, images: str) -> None:
    """Write the report of a made study, and print what it took as JSON."""
    from isnet_cxr.pipeline.study.folds import Folds
    from isnet_cxr.pipeline.study.reporting import REPORT, report_study

    started = time.perf_counter()
    out = Path(folder)
    material = make_study(out, Size(int(runs), int(images)), write=False)
    report_study(material, out, folds=Folds())
    status = Path("/proc/self/status").read_text().splitlines()
    peak_kb = next(float(line.split()[1]) for line in status if line.startswith("VmHWM"))
    cost = Cost(
        time.process_time(),
        time.perf_counter() - started,
        peak_kb / 1024,
        (out / REPORT).stat().st_size,
    )
    print(json.dumps(vars(cost)))
