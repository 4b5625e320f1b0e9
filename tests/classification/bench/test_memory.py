"""Peak memory is the measured program's own."""

import subprocess
import sys

import numpy as np
import pytest

PRINT_PEAK = "from classification.bench.memory import _peak_mib; print(_peak_mib())"


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
