"""``mlflow models serve`` in a process of its own, real requests, and wrong ones."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 240


@dataclass(frozen=True)
class Server:
    """A server that answers at ``address``, started as the process ``pid``, who leads its group."""

    address: str
    pid: int

    def ask(self, body: bytes, *, kind: str = "application/json") -> tuple[int, bytes]:
        """Send a request; return status and body."""
        request = urllib.request.Request(
            f"{self.address}/invocations", data=body, headers={"Content-Type": kind}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def ask_for(self, content: bytes, **params: Any) -> dict[str, Any]:
        """Send one file; return what is answered of it."""
        status, body = self.ask(request_of(content, **params))
        assert status == 200, body[:500]
        (one,) = json.loads(body)["predictions"]
        return dict(one)

    def is_alive(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/ping", timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)

    def memory(self) -> int:
        """Return the resident bytes of the server's processes."""
        total = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid:  # its process group
                    total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            except (OSError, IndexError, ValueError):
                continue
        return total


def request_of(*contents: bytes, **params: Any) -> bytes:
    rows = [{"image": b64encode(content).decode()} for content in contents]
    return json.dumps(
        {"dataframe_records": rows, **({"params": params} if params else {})}
    ).encode()


@contextmanager
def serving(model: Path, log: Path) -> Iterator[Server]:
    """Serve a model until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model),
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": str(PATIENCE_S)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=output, stderr=output
        )
    server = Server(f"http://127.0.0.1:{port}", process.pid)
    try:
        _await(server, process, log)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if server.is_alive():
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"no server: {log.read_text()[-2000:]}")


SECRET = "DOE^JANE"
"""Stands in what is sent, and must stand in no answer and no log."""


def wrong_requests(good: bytes, *, count: int, seed: int) -> Iterator[tuple[bytes, str]]:
    """Yield bodies that are no good request, and their content types."""
    chance = random.Random(seed)
    json_type = "application/json"
    fixed: list[tuple[bytes, str]] = [
        (b"", json_type),
        (b"{", json_type),
        (b"null", json_type),
        (b"[" * 100_000, json_type),
        (b"\xff\xfe" + SECRET.encode(), json_type),
        (f'{{"{SECRET}": 1}}'.encode(), json_type),
        (f"a,b\n{SECRET},2\n".encode(), "text/csv"),
        (SECRET.encode(), "application/vnd.apache.parquet"),
        (b'{"inputs": "' + SECRET.encode() + b'"}', json_type),
        (b'{"dataframe_records": []}', json_type),
        (b'{"dataframe_records": [{"image": "' + SECRET.encode() + b'"}]}', json_type),
        (b'{"dataframe_records": [{"image": "\\u20ac"}]}', json_type),
        (b'{"dataframe_records": [{"image": null}]}', json_type),
        (b'{"dataframe_records": [{"pixels": [[0, 2]]}]}', json_type),
        (b'{"dataframe_records": [{"pixels": [[0], [0, 1]]}]}', json_type),
        (b'{"dataframe_records": [{"pixels": [["' + SECRET.encode() + b'"]]}]}', json_type),
        (b'{"dataframe_records": [{"pixels": [[NaN, 1e999]]}]}', json_type),
        (b'{"dataframe_records": [{"pixels": []}]}', json_type),
        (b'{"dataframe_split": {"columns": ["image"], "data": [[1]]}}', json_type),
        (b'{"dataframe_records": [{"image": "AA"}], "params": {"explained": 3}}', json_type),
        (b'{"messages": [{"role": "user", "content": "' + SECRET.encode() + b'"}]}', json_type),
        (request_of(good, explained=SECRET), json_type),
        (request_of(good, unknown=1), json_type),
        (request_of(good, pictures="perhaps"), json_type),
        (request_of(*[good[:100]] * 17), json_type),
        (request_of(good)[:-40], json_type),
    ]
    yield from fixed[:count]
    for number in range(count - len(fixed)):
        content = bytearray(good)
        if number % 2:
            content = content[: chance.randrange(len(content) // 2)]
        else:
            for _ in range(20):
                content[chance.randrange(8)] = chance.randrange(256)
        body = bytearray(request_of(bytes(content)))
        if number % 3 == 0:
            body[chance.randrange(20)] = chance.randrange(256)
        yield bytes(body), json_type
