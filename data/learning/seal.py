"""A package's seal, ``package.json``: its schema, and size and SHA-256 of every file in it.

A file that the seal does not name, or that is not as it was, is refused when it is read. The seal
finds mix-ups and damage; it is no signature: who can write the folder can seal it anew. Packages
from before schema 2 have no seal and are read as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers.atomic import replacing

SEAL = "package.json"
SCHEMA = 2
"""Of packages written now; those without any are of schema 1."""

SHOWN = 12  # digits of a digest, in messages


@dataclass(frozen=True)
class Sealed:
    """What a seal says of one file.

    Attributes:
        sha256: Of its bytes, as ``sha256sum`` says it.
        size: Number of bytes.
    """

    sha256: str
    size: int


Seal = Mapping[str, Sealed]
"""Files by their name in the package, with slashes."""


def seal(folder: Path, *, kind: str, coming: Mapping[str, bytes] | None = None) -> Path:
    """Write the seal of a folder: of all files in it, without hidden ones.

    A package within the package stands for itself: its own seal is what is sealed.

    Args:
        folder: The package.
        kind: What it is a package of.
        coming: Files that are about to be written there.
    """
    files = {name: _sealed((folder / name).read_bytes()) for name in _files(folder)}
    files |= {name: _sealed(content) for name, content in (coming or {}).items()}
    content = {
        "schema": SCHEMA,
        "kind": kind,
        "written_by": f"isnet-cxr {version('isnet-cxr')}",
        "files": {
            name: {"sha256": one.sha256, "bytes": one.size} for name, one in sorted(files.items())
        },
    }
    with replacing(folder / SEAL) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder / SEAL


def seal_again(folder: Path) -> None:
    """Seal a package that has a seal, after a file in it was written; others are left as they are.

    Raises:
        InputError: If the seal is damaged, or of a schema that is not known.
    """
    if read_seal(folder) is not None:
        kind = json.loads((folder / SEAL).read_text(encoding="utf-8")).get("kind", "")
        seal(folder, kind=str(kind))


def read_seal(folder: Path) -> Seal | None:
    """Read a package's seal; None for one that has none.

    Raises:
        InputError: If it is damaged, or of a schema that is not known.
    """
    path = folder / SEAL
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        check_schema(content["schema"], path)
        files = {str(name): _entry(entry) for name, entry in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: no seal of a model package, or damaged") from None
    if any(not _stays_inside(name) for name in files):
        raise InputError(f"{path}: names a file outside the package")
    return files


def check_schema(found: Any, path: Path) -> None:
    """Refuse a package of a later version.

    Raises:
        InputError: If ``found`` is no schema that this version reads.
    """
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= SCHEMA:
        raise InputError(
            f"{path}: schema {found!r}, expected at most {SCHEMA}: "
            "written by a later version of isnet-cxr, which is needed to read it"
        )


def sealed_bytes(folder: Path, name: str, sealed: Seal | None) -> bytes:
    """Read a file of a package, once, and hold it against the seal.

    Args:
        folder: The package.
        name: The file in it.
        sealed: The package's seal; None reads the file as it is.

    Raises:
        FileNotFoundError: If the file is missing.
        InputError: If the seal does not name it, or it is not as it was.
    """
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no model package: {name} is missing")
    content = path.read_bytes()
    if sealed is None:
        return content
    if name not in sealed:
        raise InputError(f"{path}: is not named in {SEAL}: it came to the package later")
    expected = sealed[name]
    if len(content) != expected.size:
        raise InputError(
            f"{path}: damaged or changed: expected {expected.size} bytes, got {len(content)}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != expected.sha256:
        raise InputError(
            f"{path}: damaged or changed: expected SHA-256 {expected.sha256[:SHOWN]}..., "
            f"got {found[:SHOWN]}..."
        )
    return content


def _files(folder: Path) -> list[str]:
    """Return the names of the files that a seal is about."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == SEAL:
            continue
        if path.is_file():
            found.append(path.name)
        elif (path / SEAL).is_file():
            found.append(f"{path.name}/{SEAL}")
        elif path.is_dir():
            found += [f"{path.name}/{name}" for name in _files(path)]
    return found


def _sealed(content: bytes) -> Sealed:
    return Sealed(hashlib.sha256(content).hexdigest(), len(content))


def _entry(entry: Mapping[str, Any]) -> Sealed:
    return Sealed(str(entry["sha256"]), int(entry["bytes"]))


def _stays_inside(name: str) -> bool:
    place = PurePosixPath(name)
    return not place.is_absolute() and ".." not in place.parts
