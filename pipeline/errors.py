"""Which errors are the user's to mend, and how they are told: one line on standard error."""

import errno

from isnet_cxr.data.errors import InputError

DONE, WRONG_INPUT, PARTLY_FAILED, STOPPED = 0, 2, 3, 130

_CAUSES = {
    errno.ENOSPC: "no room left on the disk",
    errno.EDQUOT: "no room left in your quota",
    errno.EROFS: "a read-only file system",
    errno.ENAMETOOLONG: "a name too long for this file system",
    errno.ENOTEMPTY: "a folder that is not empty",
    errno.ESTALE: "a network folder that is gone",
    errno.EAGAIN: "in use by another process",
    errno.EBUSY: "in use by another process",
    errno.ETXTBSY: "in use by another process",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EISDIR: "a folder, expected a file",
    errno.ENOTDIR: "a part of this path is a file, expected a folder",
    errno.EEXIST: "exists already",
    errno.ENOENT: "no such file or folder",
}


def is_users(error: BaseException) -> bool:
    """Tell what the user can mend from a bug: by its type alone.

    ``InputError`` says so. Files and folders that are missing, locked, read-only or full are the
    user's as well. Any other error of ours or a library's is a bug and keeps its traceback.
    """
    if isinstance(error, InputError | FileNotFoundError):
        return True
    return isinstance(error, OSError) and error.errno in _CAUSES


def one_line(error: BaseException) -> str:
    """Say what is wrong in one line."""
    if isinstance(error, OSError) and error.errno in _CAUSES:
        place = error.filename2 if error.filename2 is not None else error.filename
        return f"{place}: {_CAUSES[error.errno]}" if place is not None else _CAUSES[error.errno]
    return " ".join(str(error).split())
