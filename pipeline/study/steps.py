"""Steps of a study that are done once: each owns a folder and is known by what went into it.

``started.json`` holds the digest of the inputs while a step runs, ``done.json`` once it is
finished. The same inputs again: finished work is kept, begun work goes on. Other inputs: the
folder is emptied and the step starts over.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isnet_cxr.data.writers.atomic import replacing

if TYPE_CHECKING:
    import pandas as pd

STARTED, DONE = "started.json", "done.json"
DIGEST_BYTES = 8
LOCATION_COLUMNS = ["path", "lung_mask"]
REMARKS = ["review_flag"]
"""What a person is shown and no step goes by."""


@dataclass(frozen=True)
class Step:
    """One piece of work.

    Attributes:
        folder: Where its output goes; it is emptied when the inputs change.
        digest: Of everything that decides the output.
    """

    folder: Path
    digest: str

    @property
    def is_finished(self) -> bool:
        """Whether the folder holds the finished output of these very inputs."""
        return _recorded(self.folder / DONE) == self.digest

    def begin(self) -> None:
        """Make the folder ready: as it was left by the same inputs, or empty.

        Raises:
            ValueError: If the folder holds files that no step wrote.
        """
        known = _recorded(self.folder / STARTED) or _recorded(self.folder / DONE)
        if known is None and self.folder.is_dir() and any(self.folder.iterdir()):
            raise ValueError(f"{self.folder}: not empty and not written by a study")
        if known != self.digest and self.folder.is_dir():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json({"digest": self.digest}, self.folder / STARTED)

    def finish(self) -> None:
        """Record that the output is whole."""
        write_json({"digest": self.digest}, self.folder / DONE)
        (self.folder / STARTED).unlink(missing_ok=True)


def digest_values(values: Mapping[str, Any]) -> str:
    """Digest plain values; the order of keys does not matter."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def digest_manifest(manifest: "pd.DataFrame") -> str:
    """Digest what a manifest says about its images, not where the files lie: a study can move."""
    table = manifest.drop(columns=LOCATION_COLUMNS + REMARKS).to_csv(index=False)
    return hashlib.blake2b(table.encode(), digest_size=DIGEST_BYTES).hexdigest()


def digest_file(path: Path) -> str:
    """Digest a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[: 2 * DIGEST_BYTES]


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write ``values`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``write_json`` wrote."""
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def _recorded(path: Path) -> str | None:
    return str(read_json(path).get("digest")) if path.is_file() else None
