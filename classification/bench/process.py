"""A process of its own for every case, which takes a step when it is told to.

A training is one process that takes the same step again and again. Cases that shared one would pay
for each other: the allocator hands out what the last case left behind, in pieces that do not fit,
and a process never gives its peak back.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Self

from isnet_cxr.classification.bench.cases import BenchSettings
from isnet_cxr.classification.bench.steps import Sample

ROOT = Path(__file__).resolve().parents[2]


class CaseProcess:
    """Takes one case's step in a process of its own, which waits in between."""

    def __init__(self, case: str, settings: BenchSettings) -> None:
        """Start the process."""
        self._case = case
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "isnet_cxr.classification.bench.steps"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
        )
        self._first_line = json.dumps({"case": case, "settings": asdict(settings)}) + "\n"

    def __enter__(self) -> Self:
        """Return itself; the process has been started."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def take(self, *, one_thread: bool) -> Sample:
        """Let the process take a step, on one thread or on all.

        Raises:
            RuntimeError: If the process failed; the message ends with what it printed.
        """
        answer = self._ask(self._first_line + json.dumps(one_thread) + "\n")
        self._first_line = ""
        if not answer:
            self._errors.seek(0)
            raise RuntimeError(f"measuring {self._case!r} failed: {self._errors.read()[-2000:]}")
        return Sample(**json.loads(answer))

    def _ask(self, lines: str) -> str:
        """Return the process's answer, a line; nothing if it has ended."""
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise ValueError("the process was started without pipes")
        try:
            questions.write(lines)
            questions.flush()
        except BrokenPipeError:
            return ""
        return answers.readline()
