"""Gzip files, which grow while they are read: unpacked beside, and only so far."""

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isnet_cxr.data.readers import radiograph
from isnet_cxr.data.readers.content import GZIP_START, HEAD_BYTES, look_at
from isnet_cxr.data.readers.radiograph import UnreadableImage

SUFFIX = ".gz"
CHUNK_BYTES = 2**20


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Lend what is packed in a gzip file as a file, and any other file as it is.

    Yields:
        A path that is gone when the block ends, or ``path`` itself.

    Raises:
        UnreadableImage: If the file is damaged, cut off, or grows to more than is read of any
            file; and of ``path`` what is raised of the lent one.
    """
    with path.open("rb") as stream:
        packed = stream.read(len(GZIP_START)) == GZIP_START
    if not packed:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="isnet-cxr-") as folder:
        lent = Path(folder) / "unpacked"
        _unpack(path, lent)
        failure = ""
        try:
            yield lent
        except UnreadableImage as error:
            failure = error.reason
        if failure:
            raise UnreadableImage(path, failure)


def _unpack(path: Path, to: Path) -> None:
    try:
        with path.open("rb") as stream, to.open("wb") as out:
            _inflate(path, stream, out)
        return
    except (EOFError, zlib.error):
        failure = "gzip file that is damaged or cut off"
    except OSError:
        failure = "gzip file, and no room to unpack it"
    raise UnreadableImage(path, failure)


def _inflate(path: Path, stream: BinaryIO, out: BinaryIO) -> None:
    """Write what is packed.

    Raises:
        UnreadableImage: If it grows too far, or a further member is an image of its own.
    """
    size = latest = 0
    for member, content in _pieces(stream):
        if size and member > latest and look_at(content[:HEAD_BYTES]).is_image:
            raise UnreadableImage(path, "several images in one gzip file; one is read")
        latest, size = member, size + len(content)
        if size > radiograph.MAX_FILE_BYTES:
            limit = f"{radiograph.MAX_FILE_BYTES:,}"
            raise UnreadableImage(path, f"gzip file that grows to more than {limit} bytes")
        out.write(content)


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield what is packed piece by piece, each with the number of its member.

    A file may be packed as several members, one after the other (RFC 1952, 2.2). What follows the
    last of them is passed over, as gzip does.

    Raises:
        EOFError: If the file ends within a member.
        zlib.error: If one is damaged, or not what its checksum says.
    """
    member, waiting = 0, stream.read(CHUNK_BYTES)
    while member == 0 or waiting.startswith(GZIP_START):
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not inflater.eof:
            content = inflater.decompress(waiting, CHUNK_BYTES) if waiting else inflater.flush()
            if not (waiting or inflater.eof):
                raise EOFError
            if content:
                yield member, content
            waiting = inflater.unconsumed_tail
            if not (waiting or inflater.eof):
                waiting = stream.read(CHUNK_BYTES)
        waiting = inflater.unused_data
        if len(waiting) < len(GZIP_START):
            waiting += stream.read(CHUNK_BYTES)
        member += 1


def unpacked_name(name: str) -> str:
    """Return a file's name in lower case as it would be without gzip."""
    return name.lower().removesuffix(SUFFIX)
