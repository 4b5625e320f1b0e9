"""Steps of a study that are done once: each owns a folder and is known by what went into it.

``started.json`` holds the digest of the inputs while a step runs, ``done.json`` once it is
finished. The same inputs again: finished work is kept, begun work goes on. Other inputs: the
folder is emptied and the step starts over. The version of this code is an input of every step.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers.atomic import remove_unfinished, replacing

if TYPE_CHECKING:
    import pandas as pd

STARTED, DONE = "started.json", "done.json"
DIGEST_BYTES = 8
LOCATION_COLUMNS = ["path", "lung_mask"]
REMARKS = ["review_flag"]
"""What a person is shown and no step goes by."""

KNOWN_FILES = 1 << 18
"""Digests of so many files are remembered."""


def once(folder: Path, inputs: Mapping[str, Any], make: Callable[[Path], object]) -> Path:
    """Call ``make(folder)``, unless the folder holds finished work of the same inputs.

    Args:
        folder: Where the work goes; made if missing, and emptied when the inputs changed. Begun
            work of the same inputs is left in it, for ``make`` to go on with.
        inputs: Plain values: everything that decides the work, besides the code's version.
        make: Does the work.

    Returns:
        ``folder``.

    Raises:
        InputError: If the folder holds files that no step wrote.
    """
    if not is_done(folder, inputs):
        digest = digest_values(inputs)
        _begin(folder, digest)
        make(folder)
        write_json({"digest": digest}, folder / DONE)
        (folder / STARTED).unlink(missing_ok=True)
    return folder


def is_done(folder: Path, inputs: Mapping[str, Any]) -> bool:
    """Whether the folder holds finished work of these very inputs, made by this code's version."""
    return _recorded(folder / DONE) == digest_values(inputs)


def code_version() -> str:
    """Return the version of the installed isnet-cxr."""
    return version("isnet-cxr")


def digest_values(values: Mapping[str, Any]) -> str:
    """Digest plain values and the code's version; the order of keys does not matter."""
    text = json.dumps({"version": code_version(), "values": values}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def digest_manifest(manifest: "pd.DataFrame") -> str:
    """Digest what a manifest says about its images and what its lung masks hold.

    Where files lie does not count: a study can move. Images are known by the hash of their pixels
    in ``image_id``, masks by the bytes of their files.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(code_version().encode())
    digest.update(manifest.drop(columns=LOCATION_COLUMNS + REMARKS).to_csv(index=False).encode())
    for mask in manifest["lung_mask"]:
        digest.update((digest_mask(Path(mask)) if mask else "none").encode())
    return digest.hexdigest()


def digest_file(path: Path) -> str:
    """Digest a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[: 2 * DIGEST_BYTES]


def digest_mask(path: Path) -> str:
    """Digest a mask's bytes, anew when its size or time changed; or say that it is missing."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "missing"
    return _digest_known_file(path, status.st_size, status.st_mtime_ns)


def digest_extensions(names: Sequence[str]) -> dict[str, str]:
    """Digest the code of extensions: a file, a module's file, or all files of a package.

    A file goes by its name alone, so that a study can move.
    """
    return {Path(name).name: _digest_extension(name) for name in names}


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write ``values`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``write_json`` wrote."""
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def _begin(folder: Path, digest: str) -> None:
    """Make the folder ready: as it was left by the same inputs, or empty."""
    aside = folder.with_name(f".removing-{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    remove_unfinished(folder)  # what an earlier beginning left that was killed
    known = _recorded(folder / STARTED) or _recorded(folder / DONE)
    if known is None and folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty and not written by a study")
    if known != digest and folder.is_dir():  # whole or not at all: half of it is nobody's
        folder.rename(aside)
        shutil.rmtree(aside)
    folder.mkdir(parents=True, exist_ok=True)
    write_json({"digest": digest}, folder / STARTED)


def _digest_extension(name: str) -> str:
    place, files = Path(name), [Path(name)]
    if not name.endswith(".py"):
        spec = find_spec(name)
        origin = Path(spec.origin) if spec is not None and spec.origin else place
        is_package = spec is not None and spec.submodule_search_locations is not None
        files = sorted(origin.parent.rglob("*.py")) if is_package else [origin]
    return digest_values({str(number): digest_file(file) for number, file in enumerate(files)})


def _recorded(path: Path) -> str | None:
    return str(read_json(path).get("digest")) if path.is_file() else None


@lru_cache(maxsize=KNOWN_FILES)
def _digest_known_file(path: Path, size: int, time_ns: int) -> str:
    """Digest a file once as long as its size and time stay: manifests are digested often."""
    return digest_file(path)
