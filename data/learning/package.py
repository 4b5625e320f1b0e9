"""Model packages: a folder that holds everything needed to use a trained network.

``weights.safetensors`` (tensors only, nothing is unpickled), ``config.yaml`` (what rebuilds the
network and its preprocessing), ``model-card.md`` and ``metrics.json``.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from isnet_cxr.data.errors import InputError

WEIGHTS, CONFIG, CARD, METRICS = (
    "weights.safetensors",
    "config.yaml",
    "model-card.md",
    "metrics.json",
)
LUNGS = "lungs"  # folder of the lung segmenter in a classifier's package


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
    """Write ``package`` into ``folder``, made if missing; the weights last: they mark it whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(yaml.safe_dump(package.config, sort_keys=False))
    (folder / METRICS).write_text(json.dumps(package.metrics, indent=2))
    (folder / CARD).write_text(package.card)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in package.weights.items()}
    partial = folder / f".{WEIGHTS}.part"
    save_file(tensors, partial)
    make_readable(partial)
    partial.replace(folder / WEIGHTS)
    return folder


def make_readable(path: Path) -> None:
    """Give a file the mode of any new one: safetensors writes 0600, unreadable to a container."""
    current = os.umask(0)
    os.umask(current)
    path.chmod(0o666 & ~current)


def read_package(folder: Path | str, *, kind: str) -> Package:
    """Read the package in ``folder``.

    Raises:
        FileNotFoundError: If a file of the package is missing.
        InputError: If it is not a package of ``kind``, or a file of it is damaged.
    """
    folder = Path(folder)
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is no model package: {name} is missing")
    config = _read_config(folder / CONFIG)
    found = config.get("kind") if isinstance(config, dict) else None
    if found != kind:
        raise InputError(f"{folder / CONFIG}: expected a package of kind {kind!r}, got {found!r}")
    metrics_file, card_file = folder / METRICS, folder / CARD
    return Package(
        weights=_read_weights(folder / WEIGHTS),
        config=config,
        metrics=json.loads(metrics_file.read_text()) if metrics_file.is_file() else {},
        card=card_file.read_text() if card_file.is_file() else "",
    )


def _read_config(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        raise InputError(f"{path}: not YAML, or damaged") from None


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: no whole weights file, or damaged ({error})") from None
