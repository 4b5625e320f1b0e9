"""Ctrl-C: what is told of it, and what of the errors that it brings about."""

import signal
import threading
from collections.abc import Sequence
from types import FrameType

RESUMED = {
    "study",
    "demo",
    "predict",
    "send",
    "segment train",
    "classify train",
    "classify explain",
}
"""Commands that go on where they were stopped."""


def quiet_threads() -> None:
    """See to it that threads whose work ends by Ctrl-C print no traceback.

    It is for the threads what ``is_stopped`` is for the program. joblib's thread, for one, fails
    when it is ended before it has handed all its work out. Where Ctrl-C is ignored, as it is for a
    script's background jobs, it stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return

    def take(number: int, frame: FrameType | None) -> None:
        threading.excepthook = lambda _: None
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, take)


def is_stopped(error: BaseException) -> bool:
    """Tell whether Ctrl-C is behind an error: one that came up while the work was being ended."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return True
        behind = behind.__cause__ or behind.__context__
    return False


def what_next(words: Sequence[str]) -> str:
    """Say what the same command, in these words, does after Ctrl-C."""
    if " ".join(words[:1]) in RESUMED or " ".join(words[:2]) in RESUMED:
        return "the same command goes on from here"
    return "the same command begins anew"
