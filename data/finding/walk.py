"""All files and folders below the inputs, each once, whatever links lead where.

Folders are searched first and the links in them followed afterwards, so that a file has the name
under which it really lies. A folder is searched once: a link to one that was searched, above it
perhaps, is a finding and leads nowhere. Nothing but folders is opened here.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isnet_cxr.data.finding.found import Verdict, failed, ignored
from isnet_cxr.data.finding.judging import is_hidden

Key = tuple[int, int]

SPECIAL = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
CAUSES = {
    errno.ENOENT: "link to a file that is not there",
    errno.ENOTDIR: "link to a file that is not there",
    errno.ELOOP: "link that leads to itself",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENAMETOOLONG: "path too long for this system",
}


@dataclass(frozen=True)
class Place:
    """Something below an input.

    Attributes:
        path: Where it lies.
        depth: How many of the last parts of ``path`` stand below the input.
        source: Which input, from 0.
        verdict: What is known without looking into it; None for an ordinary file.
        alone: Whether it was named by itself.
    """

    path: Path
    depth: int
    source: int
    verdict: Verdict | None = None
    alone: bool = False


def walk(inputs: Sequence[Path], *, results: Path | None = None) -> list[Place]:
    """List what lies below the inputs, in their order and by path.

    Args:
        inputs: Files, and folders that are searched at any depth.
        results: A folder that is left alone, if it lies below an input.

    Raises:
        FileNotFoundError: If an input is missing.
    """
    tour = _Tour(results)
    places = [place for source, path in enumerate(inputs) for place in tour.start(path, source)]
    while tour.links:
        places += tour.follow(tour.links.popleft())
    return sorted(places, key=lambda place: (place.source, place.path.parts))


class _Tour:
    def __init__(self, results: Path | None) -> None:
        self.links: deque[Place] = deque()
        self._folders: set[Key] = set()
        self._files: set[tuple[Key, str]] = set()
        self._results = _key_of(results) if results is not None and results.is_dir() else None

    def start(self, path: Path, source: int) -> Iterator[Place]:
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(f"{path}: no such file or folder") from None
        path = path.absolute()
        if stat.S_ISDIR(mode):
            yield from self._search(path, 0, source)
        elif self._is_new(path, _key_of(path.parent)):
            special = _special(mode)
            yield Place(path, 1, source, failed(special) if special else None, alone=True)

    def follow(self, link: Place) -> Iterator[Place]:
        if self._is_searched(link.path):
            reason = "link to a folder that is searched already"
            yield replace(link, verdict=ignored(reason))
        else:
            yield from self._search(link.path, link.depth, link.source)

    def _search(self, folder: Path, depth: int, source: int) -> Iterator[Place]:
        waiting = [Place(folder, depth, source)]
        while waiting:
            place = waiting.pop()
            try:
                if self._is_searched(place.path):
                    continue
                key = _key_of(place.path)
                names = os.listdir(place.path)
            except OSError as error:
                reason = f"folder that cannot be read ({_cause(error)})"
                yield replace(place, depth=max(place.depth, 1), verdict=failed(reason))
                continue
            self._folders.add(key)
            for name in names:
                found, is_folder = self._look(place, name)
                if found.verdict is not None:
                    yield found
                elif is_folder:
                    (self.links if found.path.is_symlink() else waiting).append(found)
                elif self._is_new(found.path, key):
                    yield found

    def _look(self, folder: Place, name: str) -> tuple[Place, bool]:
        """Return a name's place, with a verdict if there is one, and whether it is a folder."""
        place = Place(folder.path / name, folder.depth + 1, folder.source)
        verdict, mode = None, 0
        try:
            mode = 0 if is_hidden(name) else place.path.stat().st_mode
        except OSError as error:
            verdict = failed(_cause(error))
        if is_hidden(name):
            verdict = ignored("hidden or system file or folder")
        elif verdict is None and _special(mode):
            verdict = ignored(_special(mode))
        elif stat.S_ISDIR(mode) and self._results and _key_of(place.path) == self._results:
            verdict = ignored("folder of results")
        return replace(place, verdict=verdict), stat.S_ISDIR(mode)

    def _is_searched(self, folder: Path) -> bool:
        return _key_of(folder) in self._folders

    def _is_new(self, path: Path, folder: Key) -> bool:
        key = (folder, path.name)
        new = key not in self._files
        self._files.add(key)
        return new


def _key_of(path: Path) -> Key:
    found = path.stat()
    return found.st_dev, found.st_ino


def _special(mode: int) -> str:
    """Say what is no ordinary file and no folder: to open it might wait for ever."""
    kind = SPECIAL.get(stat.S_IFMT(mode), "")
    return f"no ordinary file ({kind})" if kind else ""


def _cause(error: OSError) -> str:
    return CAUSES.get(error.errno or 0, type(error).__name__)
