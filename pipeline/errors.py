"""Which errors are the user's to mend, and how they are told: one line on standard error."""

import traceback
from pathlib import Path

WRONG_INPUT, PARTLY_FAILED = 2, 3
_ROOMS = ("pipeline", "segmentation", "classification", "data")
_ROOT = Path(__file__).resolve().parents[1]


def is_users(error: BaseException) -> bool:
    """Tell wrong input from a bug.

    A missing file is the user's. A ``ValueError`` is when this project's own code raised it about
    its input; one that comes out of a library was not foreseen and keeps its traceback.
    """
    if isinstance(error, FileNotFoundError):
        return True
    if not isinstance(error, ValueError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and _is_own(Path(frames[-1].filename))


def one_line(error: BaseException) -> str:
    """Say what is wrong in one line."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"{error.filename}: no such file or folder"
    return " ".join(str(error).split())


def _is_own(source: Path) -> bool:
    resolved = source.resolve()
    return any(resolved.is_relative_to(_ROOT / room) for room in _ROOMS)
