"""A development set's gate statistics in a model package: ``gate.safetensors`` and ``gate.json``.

Tensors and plain numbers, nothing is unpickled. A package without them is a package all the same:
the gate then goes by the other evidence.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.appearance import DIRECTIONS, PIXELS, Appearance
from isnet_cxr.data.gate.gaussian import Gaussian
from isnet_cxr.data.gate.statistics import GateStatistics, Thresholds
from isnet_cxr.data.learning.package import make_readable
from isnet_cxr.data.learning.seal import Seal, read_seal, seal_again, sealed_bytes

TENSORS, NUMBERS = "gate.safetensors", "gate.json"
VERSION = 1
PARTS = ("mean", "directions", "variances", "remainder")


def write_gate(statistics: GateStatistics, folder: Path) -> None:
    """Write statistics into a package's folder, made if missing; a sealed one is sealed anew."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{part}": np.ascontiguousarray(getattr(model, part), dtype=np.float32)
        for name, model in statistics.appearance.models.items()
        for part in PARTS
    }
    save_file(tensors, folder / TENSORS)
    make_readable(folder / TENSORS)
    fitted, held_out = statistics.images
    content = {
        "version": VERSION,
        "images": {"fitted": fitted, "held_out": held_out},
        "thresholds": asdict(statistics.thresholds),
    }
    (folder / NUMBERS).write_text(json.dumps(content, indent=2))
    seal_again(folder)


def read_gate(folder: Path | str) -> GateStatistics | None:
    """Read the statistics of a package; None where it has none.

    Raises:
        InputError: If they are damaged, were changed since the package was sealed, or are of a
            version that is not known.
    """
    folder = Path(folder)
    if not (folder / NUMBERS).is_file() and not (folder / TENSORS).is_file():
        return None
    sealed = read_seal(folder)
    content = _read_numbers(folder, sealed)
    try:
        tensors = load(sealed_bytes(folder, TENSORS, sealed))
        counts = content["images"]
        return GateStatistics(
            Appearance(_models(tensors)),
            Thresholds(**content["thresholds"]),
            (int(counts["fitted"]), int(counts["held_out"])),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder}: {TENSORS} or {NUMBERS} is missing or damaged") from None


def _read_numbers(folder: Path, sealed: Seal | None) -> dict[str, Any]:
    path = folder / NUMBERS
    try:
        content = json.loads(sealed_bytes(folder, NUMBERS, sealed))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: missing, not JSON, or damaged") from None
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise InputError(f"{path}: gate statistics of version {version!r}, expected {VERSION}")
    return dict(content)


def _models(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, Gaussian]:
    """Put the models together; "whole" must be there, the lungs' two may be missing."""
    names = [name for name in DIRECTIONS if name == "whole" or f"{name}.mean" in tensors]
    models = {
        name: Gaussian(**{part: tensors[f"{name}.{part}"] for part in PARTS}) for name in names
    }
    if any(model.mean.shape != (PIXELS,) for model in models.values()):
        raise InputError("gate statistics: not of the size that this version measures")
    return models
