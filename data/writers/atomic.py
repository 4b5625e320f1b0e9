"""Files that appear whole or not at all, whatever interrupts the writer."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside ``path``, and move it there when the block succeeds.

    The folder is made if missing. The temporary name keeps the suffixes of ``path``, which many
    writers choose their format by.

    Yields:
        A path that does not exist yet, in the folder of ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)
