"""Work and memory of a device: a process's peak memory is its own."""

import subprocess
import sys
import time

import numpy as np
import pytest

from isnet_cxr.classification.bench.meters import meter_for

PRINT_PEAK = "from isnet_cxr.classification.bench.meters import peak_mib; print(peak_mib())"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere getrusage has to do")
def test_peak_memory_is_not_inherited_from_the_process_that_starts_the_measurement():
    def measured() -> float:
        ended = subprocess.run(
            [sys.executable, "-c", PRINT_PEAK], capture_output=True, text=True, check=True
        )
        return float(ended.stdout)

    alone = measured()
    held = np.ones(int(alone + 500) * 2**17)  # more than that, by half a GB
    assert measured() < 1.2 * alone
    assert held[-1] == 1


def test_the_processors_seconds_are_those_of_work_and_not_of_waiting():
    meter = meter_for("cpu")
    before = meter.seconds()
    time.sleep(0.5)
    assert meter.seconds() - before < 0.25


def test_memory_is_what_was_added_since_the_meter_was_made():
    before = meter_for("cpu")
    held = np.ones(200 * 2**17)
    assert before.added_mib() > 150
    assert held[-1] == 1
