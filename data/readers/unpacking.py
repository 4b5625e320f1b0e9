"""Gzip files, which grow while they are read: unpacked beside, and only so far."""

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isnet_cxr.data.readers import radiograph
from isnet_cxr.data.readers.content import GZIP_START
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
            whole = _inflate(path, stream, out)
    except zlib.error:
        whole = False
    except OSError:
        raise UnreadableImage(path, "gzip file, and no room to unpack it") from None
    if not whole:
        raise UnreadableImage(path, "gzip file that is damaged or cut off")


def _inflate(path: Path, stream: BinaryIO, out: BinaryIO) -> bool:
    """Write the first member's content; claim that it was whole, by its own checksum."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    size, waiting = 0, stream.read(CHUNK_BYTES)
    while waiting and not inflater.eof:
        content = inflater.decompress(waiting, CHUNK_BYTES)
        size += len(content)
        if size > radiograph.MAX_FILE_BYTES:
            limit = f"{radiograph.MAX_FILE_BYTES:,}"
            raise UnreadableImage(path, f"gzip file that grows to more than {limit} bytes")
        out.write(content)
        waiting = inflater.unconsumed_tail or stream.read(CHUNK_BYTES)
    return inflater.eof


def unpacked_name(name: str) -> str:
    """Return a file's name in lower case as it would be without gzip."""
    return name.lower().removesuffix(SUFFIX)
