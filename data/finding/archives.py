"""Zip archives, searched without being trusted.

Members are never written under their own names, so that none leads out of a folder; those that try
fail. What an archive claims is checked before anything is unpacked: the size of its list, how many
members it has, how far each and all grow. What a member really unpacks to can be no more than it
claims. An archive in an archive is not opened.
"""

import errno
import shutil
import stat
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding.found import Verdict, failed, ignored
from isnet_cxr.data.finding.judging import is_hidden, judge
from isnet_cxr.data.readers.content import HEAD_BYTES, look_at
from isnet_cxr.data.readers.radiograph import MAX_FILE_BYTES

MAX_MEMBERS = 100_000
MAX_LIST_BYTES = 2**26
MAX_RATIO = 200
"""How far a member, or all of them, may grow: lossless images of plain areas reach some tens."""
SMALL_BYTES = 2**24
"""What grows to no more than this may grow as it likes."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
PROGRAMS = {
    "[Content_Types].xml": b"<Types",
    "META-INF/MANIFEST.MF": b"Manifest-Version",
    "mimetype": b"application/",
}
"""Members, and what is in them, of Office documents, programs and books: zip archives, too."""
END, END_BYTES, LONGEST_COMMENT = b"PK\x05\x06", 22, 2**16
LONG_END, LONG_END_BYTES, LIST_SIZE_PLACE = b"PK\x06\x06", 56, 40
ENCRYPTED = 0x1
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class ArchiveError(InputError):
    """An archive that is not searched; the message is the reason alone."""


@dataclass(frozen=True)
class Member:
    """One file in an archive.

    Attributes:
        index: Its place in the archive's list.
        name: As it is stored.
        verdict: What is to be done with it.
    """

    index: int
    name: str
    verdict: Verdict


def search_archive(path: Path) -> list[Member] | Verdict:
    """List the files of an archive; or say why it is none to be searched."""
    try:
        _check_list(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            whole = _judge_whole(archive, size=path.stat().st_size)
            if whole is not None:
                return whole
            return [
                Member(index, entry.filename, _judge_member(archive, entry))
                for index, entry in enumerate(entries)
                if not entry.is_dir()
            ]
    except ArchiveError as error:
        return failed(str(error))
    except Exception as error:  # zipfile fails in any way on what is damaged
        return failed(f"damaged zip archive ({type(error).__name__})")


@contextmanager
def member_file(archive: zipfile.ZipFile, index: int) -> Iterator[Path]:
    """Lend a member as a file.

    Yields:
        A path that is gone when the block ends; its name says nothing.

    Raises:
        ArchiveError: If the member is damaged.
        OSError: If there is no room to unpack it.
    """
    entry = archive.infolist()[index]
    with tempfile.TemporaryDirectory(prefix="isnet-cxr-") as folder:
        lent = Path(folder) / f"member{_suffixes(entry.filename)}"
        reason = ""
        try:
            with archive.open(entry) as packed, lent.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except Exception as error:  # as above
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            reason = f"damaged in its archive ({type(error).__name__})"
        if reason:
            raise ArchiveError(reason)
        yield lent


def _suffixes(name: str) -> str:
    """Return the end of a name if a reader may need it: short, and of plain letters."""
    suffixes = "".join(PurePosixPath(name).suffixes[-2:])
    return suffixes if len(suffixes) <= len(".dicom.gz") and suffixes.isascii() else ""


def _check_list(path: Path) -> None:
    """Refuse an archive whose list would fill the memory, before it is read."""
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        stream.seek(max(0, end - END_BYTES - LONGEST_COMMENT - LONG_END_BYTES - END_BYTES))
        tail = stream.read()
    place = tail.rfind(END)
    if place < 0 or len(tail) < place + END_BYTES:
        raise ArchiveError("zip archive that is damaged or cut off: it has no end")
    (size,) = struct.unpack("<I", tail[place + 12 : place + 16])
    long = tail.rfind(LONG_END, 0, place)
    if long >= 0 and len(tail) >= long + LONG_END_BYTES:
        (size,) = struct.unpack("<Q", tail[long + LIST_SIZE_PLACE : long + LIST_SIZE_PLACE + 8])
    if size > MAX_LIST_BYTES:
        raise ArchiveError(f"zip archive whose list has more than {MAX_LIST_BYTES:,} bytes")


def _judge_whole(archive: zipfile.ZipFile, *, size: int) -> Verdict | None:
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not files:
        return ignored("archive without files")
    if len(files) > MAX_MEMBERS:
        return failed(f"zip archive of {len(files):,} files; at most {MAX_MEMBERS:,} are read")
    if _grows(sum(entry.file_size for entry in files), size):
        return failed(f"zip archive that grows to more than {MAX_RATIO} times its size")
    if any(_marks_program(archive, entry) for entry in files):
        return ignored("not an image (Office document or program)")
    return None


def _marks_program(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    mark = PROGRAMS.get(entry.filename)
    if mark is None or _refused(entry):
        return False
    return mark in _head(archive, entry)


def _head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as packed:
        return packed.read(HEAD_BYTES)


def _judge_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Verdict:
    reason = _refused(entry)
    if reason:
        return failed(reason)
    parts = PurePosixPath(entry.filename).parts
    if any(is_hidden(part) for part in parts):
        return ignored("hidden or system file or folder")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return ignored("link in an archive")
    try:
        head = _head(archive, entry)
    except Exception as error:  # as above
        return failed(f"damaged in its archive ({type(error).__name__})")
    return judge(parts[-1], look_at(head))


def _refused(entry: zipfile.ZipInfo) -> str:
    if _leads_out(entry.filename):
        return "name that leads out of its archive"
    if entry.flag_bits & ENCRYPTED:
        return "encrypted in its archive"
    if entry.compress_type not in METHODS:
        return "packed by a method that is not read"
    if entry.file_size > MAX_FILE_BYTES:
        return f"file of {entry.file_size:,} bytes; at most {MAX_FILE_BYTES:,} are read"
    if _grows(entry.file_size, entry.compress_size):
        return f"grows to more than {MAX_RATIO} times its size when it is unpacked"
    return ""


def _leads_out(name: str) -> bool:
    windows = PureWindowsPath(name)
    return not windows.name or bool(windows.anchor) or ".." in windows.parts


def _grows(unpacked: int, packed: int) -> bool:
    return unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed
