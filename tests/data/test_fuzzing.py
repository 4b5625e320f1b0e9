"""Half a minute of the fuzzing that ``python tests/data/fuzzing.py 60`` does for an hour."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZING = Path(__file__).with_name("fuzzing.py")


@pytest.mark.slow
def test_mutated_inputs_of_all_kinds_are_read_or_refused(tmp_path):
    command = [sys.executable, str(FUZZING), "0.5", "--seed", "1"]  # others by hand, for longer
    command += ["--findings", str(tmp_path / "findings")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 findings;" in ended.stdout
