"""Paths as tables list them: of this machine, of Windows, of a machine that is not this one."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from isnet_cxr.data.datasets.layout import is_there
from isnet_cxr.data.errors import InputError


def find_listed(text: str, *, table: Path, place: str) -> Path:
    r"""Return the file that a table means.

    Args:
        text: As listed: relative to the table's folder, or absolute. ``\`` stands for ``/`` where
            no file's name has it.
        table: The table.
        place: Column and row, for the error.

    Returns:
        The path, of a file or not: whether relative ones are there is for the caller to check.

    Raises:
        InputError: If the path is empty, or absolute and there is no such file. Of the path, which
            may hold a patient's name, only the beginning is named.
    """
    if not text:
        raise InputError(f"{table}: {place}: expected a path, got none")
    folder = table.absolute().parent
    path = folder / text
    if is_there(path):
        return path
    if _is_absolute(text):
        raise InputError(
            f"{table}: {place}: expected paths relative to the table's folder; "
            f"{_beginning(text)} is another machine's, or the file is gone"
        )
    return folder / text.replace("\\", "/")


def _is_absolute(text: str) -> bool:
    return bool(PureWindowsPath(text).anchor) or text.startswith(("~/", "~\\"))


def _beginning(text: str) -> str:
    r"""Return ``C:\...``, ``\\...``, ``/home/...``: the first folder of a path tells enough."""
    drive = PureWindowsPath(text).drive
    if drive.endswith(":"):
        return f"{drive}\\..."
    folders = PurePosixPath(text).parent.parts
    if folders[:1] == ("/",):
        return "/".join(("", *folders[1:2], "..."))
    return text[: len(text) - len(text.lstrip("\\/~"))] + "..."
