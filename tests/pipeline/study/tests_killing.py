"""A study that is killed, without warning, once it has said something."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def kill_at(said: str, study_file: Path, out: Path) -> None:
    """Start a study by its command, and kill it at the first line that holds ``said``."""
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-u", "-c", "from isnet_cxr.pipeline.cli import main; main()"]
    study = subprocess.Popen(
        [*command, "study", str(study_file), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert study.stdout is not None
    for line in study.stdout:
        if said in line:
            study.send_signal(signal.SIGKILL)
            break
    else:
        pytest.fail(f"the study never said {said!r}")
    study.wait()
    study.stdout.close()
