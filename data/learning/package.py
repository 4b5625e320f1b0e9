"""Model packages: a folder that holds everything needed to use a trained network.

``weights.safetensors`` (tensors only, nothing is unpickled), ``config.yaml`` (what rebuilds the
network and its preprocessing, and its calibration), ``model-card.md``, ``metrics.json``, and the
seal over all of them and what lies beside them, see ``seal``. A classifier's package has the gate's
statistics and the lung segmenter's package in it.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.seal import (
    SCHEMA,
    SEAL,
    Seal,
    check_schema,
    read_seal,
    seal,
    seal_again,
    sealed_bytes,
)

WEIGHTS, CONFIG, CARD, METRICS = (
    "weights.safetensors",
    "config.yaml",
    "model-card.md",
    "metrics.json",
)
LUNGS = "lungs"  # folder of the lung segmenter in a classifier's package

Value = TypeVar("Value")


@dataclass(frozen=True)
class Package:
    """A model package in memory.

    Attributes:
        weights: The network's ``state_dict``, on the CPU.
        config: Plain YAML values; ``config["kind"]`` says what the package is.
        metrics: Figures measured when it was made.
        card: The model card, Markdown.
    """

    weights: dict[str, Tensor]
    config: dict[str, Any]
    metrics: dict[str, Any]
    card: str


def write_package(package: Package, folder: Path) -> Path:
    """Write ``package`` into ``folder``, made if missing, and seal what else lies there with it.

    The weights come last: they mark it whole. A sealed package that ``folder`` is the lung
    segmenter of is sealed anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"schema": SCHEMA, **package.config}
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    (folder / METRICS).write_text(json.dumps(package.metrics, indent=2), encoding="utf-8")
    (folder / CARD).write_text(package.card, encoding="utf-8")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in package.weights.items()}
    weights = save(tensors)
    seal(folder, kind=config["kind"], coming={WEIGHTS: weights})
    partial = folder / f".{WEIGHTS}.part"
    partial.write_bytes(weights)
    partial.replace(folder / WEIGHTS)
    if folder.name == LUNGS:
        seal_again(folder.parent)
    return folder


def make_readable(path: Path) -> None:
    """Give a file the mode of any new one: safetensors writes 0600, unreadable to a container."""
    current = os.umask(0)
    os.umask(current)
    path.chmod(0o666 & ~current)


def read_package(folder: Path | str, *, kind: str) -> Package:
    """Read the package in ``folder``; every file of it is held against its seal.

    Raises:
        FileNotFoundError: If a file of the package is missing.
        InputError: If it is not a package of ``kind``, of a later schema, or a file of it is
            damaged or was changed.
    """
    folder = Path(folder)
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is no model package: {name} is missing")
    sealed = read_seal(folder)
    config = _read_config(folder, sealed)
    found = config.get("kind") if isinstance(config, dict) else None
    if found != kind:
        raise InputError(f"{folder / CONFIG}: expected a package of kind {kind!r}, got {found!r}")
    schema = config.pop("schema", 1)
    check_schema(schema, folder / CONFIG)
    if schema > 1 and sealed is None:
        raise FileNotFoundError(f"{folder} is no model package: {SEAL} is missing")
    others = [name for name in sealed or () if name not in (WEIGHTS, CONFIG)]
    rest = {name: sealed_bytes(folder, name, sealed) for name in others}
    if sealed is None:
        rest = {n: (folder / n).read_bytes() for n in (METRICS, CARD) if (folder / n).is_file()}
    return Package(
        weights=_read_weights(folder, sealed),
        config=config,
        metrics=json.loads(rest.get(METRICS, b"{}")),
        card=rest.get(CARD, b"").decode(),
    )


def required(config: dict[str, Any], key: str, type_: type[Value], where: Path | str) -> Value:
    """Return a value of a package's configuration.

    Raises:
        InputError: If it is missing or of another type.
    """
    value = config.get(key)
    if not isinstance(value, type_):
        raise InputError(
            f"{Path(where) / CONFIG}: {key}: expected {type_.__name__}, got {type(value).__name__}"
        )
    return value


def add_lungs(package: Path, lungs: Path) -> Path:
    """Put a copy of a lung segmenter's package into a classifier's, and seal both.

    Args:
        package: The classifier's.
        lungs: The lung segmenter's.

    Raises:
        FileNotFoundError: If a file of the classifier's package is missing.
        InputError: If the classifier's package was changed since it was sealed.
    """
    sealed = read_seal(package)
    for name in sealed or ():
        if not name.startswith(f"{LUNGS}/"):
            sealed_bytes(package, name, sealed)
    inside = package / LUNGS
    shutil.copytree(lungs, inside, dirs_exist_ok=True)
    if sealed is not None:
        if not (inside / SEAL).is_file():
            seal(inside, kind=str(_kind(inside)))
        seal_again(package)
    return inside


def lungs_in(package: Path) -> Path | None:
    """Return the lung segmenter's package in a classifier's; None where there is none.

    Raises:
        InputError: If it came there after the classifier's package was sealed.
    """
    inside, sealed = package / LUNGS, read_seal(package)
    if not inside.is_dir():
        return None
    if sealed is not None:
        sealed_bytes(package, f"{LUNGS}/{SEAL}", sealed)
    return inside


def _kind(folder: Path) -> Any:
    config = _read_config(folder, None)
    return config.get("kind") if isinstance(config, dict) else None


def _read_config(folder: Path, sealed: Seal | None) -> Any:
    content = sealed_bytes(folder, CONFIG, sealed)
    try:
        return yaml.safe_load(content.decode())
    except (yaml.YAMLError, UnicodeDecodeError):
        raise InputError(f"{folder / CONFIG}: not YAML, or damaged") from None


def _read_weights(folder: Path, sealed: Seal | None) -> dict[str, Tensor]:
    content = sealed_bytes(folder, WEIGHTS, sealed)
    try:
        return load(content)
    except SafetensorError as error:
        path = folder / WEIGHTS
        raise InputError(f"{path}: no whole weights file, or damaged ({error})") from None
