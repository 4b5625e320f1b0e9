"""PostgreSQL and MLflow's server, started for a test and ended with it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

PATIENCE_S = 120


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, which Debian keeps out of the path."""
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (place / "initdb").is_file():
            return place
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """Run a database cluster in a folder of its own; yield the address of a fresh database."""
    with (
        TemporaryDirectory(prefix="isnet-cxr-postgres-", ignore_cleanup_errors=True) as folder,
        _cluster(Path(folder)) as address,
    ):
        yield address


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no store in it was tried")
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user)  # pytest's own folders are closed to others
    port, data = free_port(), folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        with (folder / "said").open("a") as said:  # a pipe would stay open in the server
            subprocess.run(command, user=user, cwd=folder, check=True, stdout=said, stderr=said)

    run("initdb", "-D", str(data), "-U", "owner", "--auth=trust", "-N")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "owner", "runs")
        yield f"postgresql+pg8000://owner@127.0.0.1:{port}/runs"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


class Server:
    """MLflow's server, which can be killed and started again at the same address."""

    def __init__(self, store: str, folder: Path, arguments: Sequence[str] | None = None) -> None:
        """Prepare a server; other ``arguments`` may have {port} and {artifacts} in them."""
        self._port, self._folder = free_port(), folder
        self.address = f"http://127.0.0.1:{self._port}"
        self._store = store
        given = arguments or [
            "server", "--artifacts-destination={artifacts}", "--serve-artifacts",
            "--host=127.0.0.1", "--port={port}", "--workers=1",
        ]  # fmt: skip
        places = {"port": self._port, "artifacts": folder / "artifacts"}
        self._command = [sys.executable, "-m", "mlflow", *(a.format(**places) for a in given)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_BACKEND_STORE_URI": self._store,
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        with (self._folder / "log.txt").open("a") as log:
            self._process = subprocess.Popen(
                self._command, env=environment, start_new_session=True, stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=10):
                    return
            except OSError:
                time.sleep(0.3)
        pytest.fail(f"no server: {(self._folder / 'log.txt').read_text()[-2000:]}")

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
