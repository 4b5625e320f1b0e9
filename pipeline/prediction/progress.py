"""How far a job is: a bar in a terminal, dated lines elsewhere, and both told to ``predict.log``.

Nothing here names a file or quotes one: the log may be sent to whoever is asked for help.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

Done = TypeVar("Done")
LOG = "predict.log"
LINES_APART_S = 60.0
ENOUGH = 5
"""Images after which a rate says something."""


class Progress:
    """Told of every file that is done; tells people how far the job is."""

    def __init__(self, total: int, log: Path, *, shown: bool) -> None:
        """Begin.

        Args:
            total: Files to do.
            log: Gets dated lines.
            shown: Whether a person is told as well.
        """
        self._total, self._log = total, log
        self._bar = _bar(total) if shown and sys.stdout.isatty() else None
        self._shown = shown
        self._done = 0
        self._began = self._told = time.monotonic()

    def of(self, done: Iterable[Done]) -> Iterator[Done]:
        """Count what is done as it comes."""
        for one in done:
            self._advance()
            yield one

    def _advance(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        if time.monotonic() - self._told >= LINES_APART_S:
            self._told = time.monotonic()
            self.tell(self._line(), aloud=self._bar is None)

    def tell(self, line: str, *, aloud: bool = False) -> None:
        """Write a dated line into the log, and to standard error if it is said aloud."""
        dated = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}"
        with suppress(OSError), self._log.open("a", encoding="utf-8") as log:  # a full disk
            print(dated, file=log)
        if aloud and self._shown:
            print(dated, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _line(self) -> str:
        line = f"{self._done} of {self._total} files"
        if self._done < ENOUGH:
            return line
        rate = self._done / (time.monotonic() - self._began)
        left = (self._total - self._done) / rate
        return f"{line}, {rate:.2g} a second, {left / 60:.0f} min left"


@contextmanager
def progress(total: int, out: Path, *, shown: bool) -> Iterator[Progress]:
    """Tell of a run in ``predict.log`` of ``out``, which grows from run to run."""
    told = Progress(total, out / LOG, shown=shown)
    told.tell(f"begins: {total} files to predict")
    try:
        yield told
    except BaseException as error:
        told.tell(f"ended by {type(error).__name__}")
        raise
    finally:
        told.end()


def _bar(total: int) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    class Rate(TextColumn):
        def render(self, task: Any) -> Any:
            speed = task.finished_speed or task.speed
            return super().render(task) if speed is None else f"{speed:.2g} a second"

    bar = Bar(
        TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), Rate(""),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    bar.add_task("predicting", total=total)
    bar.start()
    return bar
