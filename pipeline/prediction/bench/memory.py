"""How much memory a job takes: with large images, and with many.

Every job is a process of its own on two cores' worth of workers; its decoding processes, which
compressed DICOM needs, are not counted.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isnet_cxr.pipeline.prediction.bench.images import write_chests
from isnet_cxr.pipeline.prediction.bench.untrained import write_untrained

GROWTH_LIMIT, LARGE_LIMIT_MB = 1.05, 700.0
FEW, MANY, SMALL_PX = 200, 5000, 96
LARGE, LARGE_PX = 12, 3000
WORKERS = 2
_PREDICT = (
    "import sys; from isnet_cxr.pipeline.cli import app; app(standalone_mode=False); "
    "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line), "
    "file=sys.stderr)"
)
"""Not by ``getrusage``: on Linux that is at least what the process that started it held."""


@dataclass(frozen=True)
class Memory:
    """Peaks of resident memory.

    Attributes:
        few_mb: Of a job of a few hundred small images, in MB.
        many_mb: Of one of some thousand.
        growth: The second over the first.
        large_mb: Of a job of images with a side of ``LARGE_PX``.
    """

    few_mb: float
    many_mb: float
    growth: float
    large_mb: float


def measure_memory(
    *, say: Callable[[str], None], few: int = FEW, many: int = MANY, large: int = LARGE
) -> Memory:
    """Run three jobs.

    Args:
        say: Is told of each.
        few: Small images of the first.
        many: Small images of the second.
        large: Large images of the third.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_untrained(folder / "model")
        peaks = []
        for count, size_px in ((few, SMALL_PX), (many, SMALL_PX), (large, LARGE_PX)):
            place = folder / f"{count}-{size_px}"
            write_chests(place / "images", count, size_px=size_px)
            peaks.append(_peak_mb(place / "images", model, place / "out"))
            say(f"{count} images of {size_px} px: {peaks[-1]:.0f} MB")
    return Memory(peaks[0], peaks[1], peaks[1] / peaks[0], peaks[2])


def _peak_mb(images: Path, model: Path, out: Path) -> float:
    options = ["--model", model, "--out", out, "--device", "cpu", "--no-gate", "--workers", WORKERS]
    command = [sys.executable, "-c", _PREDICT, "predict", images, *options]
    ended = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    return float(ended.stderr.splitlines()[-1]) / 1024
