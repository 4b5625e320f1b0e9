"""Found images, read one after the other; one that cannot be read costs nothing but itself."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from isnet_cxr.data.finding.archives import ArchiveError, member_file
from isnet_cxr.data.finding.found import Found
from isnet_cxr.data.readers import Radiograph, UnreadableImage, read_image
from isnet_cxr.data.readers.unpacking import unpacked


def read_found(images: Iterable[Found]) -> Iterator[tuple[Found, Radiograph | str]]:
    """Read images, in order; an archive is opened once for all of its members.

    Yields:
        What was found, with its image, or the reason why it cannot be read.
    """
    for archive, group in groupby(images, key=lambda one: one.path if one.member else None):
        if archive is None:
            for one in group:
                yield one, _read(one.path)
        else:
            yield from _read_members(archive, group)


@contextmanager
def lent(one: Found) -> Iterator[Path]:
    """Lend what was found as a plain file, taken out of its archive and unpacked by gzip.

    Yields:
        A path that may be gone when the block ends.

    Raises:
        ArchiveError: If it is damaged in its archive.
        OSError: If it is gone, or there is no room to unpack it.
        UnreadableImage: If it is damaged or grows too much where gzip packed it.
    """
    if not one.member:
        with unpacked(one.path) as plain:
            yield plain
        return
    with (
        zipfile.ZipFile(one.path) as archive,
        member_file(archive, one.index) as packed,
        unpacked(packed) as plain,
    ):
        yield plain


def _read(path: Path) -> Radiograph | str:
    try:
        return read_image(path)
    except UnreadableImage as error:
        return error.reason


def _read_members(path: Path, members: Iterable[Found]) -> Iterator[tuple[Found, Radiograph | str]]:
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # it was whole when it was searched
        reason = f"archive that cannot be opened any more ({type(error).__name__})"
        for one in members:
            yield one, reason
        return
    with archive:
        for one in members:
            yield one, _read_member(archive, one)


def _read_member(archive: zipfile.ZipFile, one: Found) -> Radiograph | str:
    try:
        with member_file(archive, one.index) as path:
            return _read(path)
    except (ArchiveError, OSError) as error:
        return str(error) if isinstance(error, ArchiveError) else "no room to unpack it"
