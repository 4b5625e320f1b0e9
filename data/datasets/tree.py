"""Every file below a folder, for datasets that have no layout but folders.

A manifest names files, in UTF-8: images in zip archives, and those with other names, fail.
"""

from collections.abc import Iterator
from pathlib import Path

from isnet_cxr.data.datasets.selection import Selection
from isnet_cxr.data.finding import Found, find_files

IN_ARCHIVE = "in a zip archive: unpack it first, a manifest names files"
NOT_UTF8 = "name that is not UTF-8: rename it, a manifest cannot hold it"


def find_images(folder: Path, chosen: Selection) -> Iterator[Found]:
    """Yield the images below a folder; all others are listed, as ignored or failed."""
    found = find_files([folder])
    for one in found.ignored:
        chosen.ignore(_place(one), one.verdict.reason)
    for one in found.failed:
        chosen.fail(_place(one), one.verdict.reason)
    for one in found.images:
        reason = _unfit(one)
        if reason:
            chosen.fail(_place(one), reason)
        else:
            yield one


def _place(one: Found) -> Path:
    return one.path / one.member if one.member else one.path


def _unfit(one: Found) -> str:
    if one.member:
        return IN_ARCHIVE
    try:
        str(one.path).encode()
    except UnicodeEncodeError:
        return NOT_UTF8
    return ""
