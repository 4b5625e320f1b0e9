"""Compressed DICOM frames, decoded by a process that may die, hang or grow without harm.

The decoders for JPEG, JPEG-LS and JPEG 2000 are C and C++ libraries, and damaged files make them
abort, overrun their memory or ask for gigabytes. Such a file shall cost one line in a list of
failures, not the night's batch. So each thread that reads a compressed frame borrows a decoding
process, started where none is idle and anew after it died; a frame takes some milliseconds to go
there and back.
"""

import atexit
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORKER = Path(__file__).with_name("decoder_worker.py")
TIME_LIMIT_S = 60.0
"""Ten times what the largest image takes on one core."""
RESIDENT_LIMIT = 2**28
"""A process that holds more bytes after a frame is ended: decoders leak what they fail on."""

_lock = threading.Lock()
_idle: dict[int, list["_Process"]] = {}  # by the process that reads: a fork must not share a pipe


class DecodingError(RuntimeError):
    """A frame that was not decoded; the message is one line, free of patient data."""


def decode_frame(options: dict[str, Any], encoded: bytes) -> NDArray[Any]:
    """Decode one frame.

    Args:
        options: What pydicom's decoders take, and ``transfer_syntax``; values that JSON can hold.
        encoded: The value of PixelData, encapsulated.

    Returns:
        Stored values, (H, W) or (H, W, 3), colours as RGB; read-only.

    Raises:
        DecodingError: If the decoder refuses the frame, dies, or takes longer than
            ``TIME_LIMIT_S``.
    """
    with _borrowed() as process:
        answer, content = process.ask(options, encoded)
    if "error" in answer:
        raise DecodingError(answer["error"])
    return np.frombuffer(content, dtype=answer["dtype"]).reshape(answer["shape"])


@contextmanager
def _borrowed() -> Iterator["_Process"]:
    """Lend a decoding process that nobody else uses; what goes wrong ends it."""
    with _lock:
        idle = _idle.setdefault(os.getpid(), [])
        process = idle.pop() if idle else None
    process = process or _Process()
    try:
        yield process
    except BaseException:
        process.end()
        raise
    if process.resident > RESIDENT_LIMIT:
        process.end()
        return
    with _lock:
        idle.append(process)


class _Process:
    def __init__(self) -> None:
        self.resident = 0  # bytes, after the latest frame
        self._connection, theirs = multiprocessing.Pipe()
        self._process = subprocess.Popen(
            # -P: the worker's folder must not stand in the module path, nor be imported from.
            [sys.executable, "-P", str(WORKER), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # decoders' own messages: noise here, and they may quote
        )
        theirs.close()

    def ask(self, options: dict[str, Any], encoded: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            self._connection.send_bytes(json.dumps(options).encode())
            self._connection.send_bytes(encoded)
            if self._connection.poll(TIME_LIMIT_S):
                answer = json.loads(self._connection.recv_bytes())
                self.resident = answer.pop("resident")
                return answer, self._connection.recv_bytes()
        except (EOFError, OSError):
            raise DecodingError("the decoder crashed") from None
        raise DecodingError(f"the decoder took more than {TIME_LIMIT_S:.0f} s")

    def end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


@atexit.register
def _end_processes() -> None:
    for process in _idle.pop(os.getpid(), []):
        process.end()
