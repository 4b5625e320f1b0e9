"""Files that appear whole or not at all, whatever interrupts the writer."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".writing-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside ``path``, and move it there when the block succeeds.

    The folder is made if missing. The temporary name keeps the suffixes of ``path``, which many
    writers choose their format by.

    Yields:
        A path that does not exist yet, in the folder of ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed left in ``folder`` and the folders in it.

    Only where no other process writes.
    """
    for pattern in (f"{PREFIX}*", f"*/{PREFIX}*"):
        for left in folder.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
