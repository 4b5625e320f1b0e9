"""A study's configuration with every default filled in, as plain values."""

from pathlib import Path
from typing import Any

import yaml

from isnet_cxr.classification.reading import plain_classifier
from isnet_cxr.data.settings import plain_settings
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.config import StudyConfig


def describe_study(config: StudyConfig) -> dict[str, Any]:
    """Return the whole configuration: a study file that would run the same study."""
    values = config.model_dump(mode="json", exclude_none=True)
    values["defaults"] = {}
    values["classifiers"] = {
        name: plain_classifier(settings) for name, settings in config.settings.items()
    }
    if config.segmentation_settings is not None:
        values["segmentation"]["settings"] = plain_settings(config.segmentation_settings)
    return values


def without_places(values: dict[str, Any]) -> dict[str, Any]:
    """Return a description of a study that does not say where its data lie."""
    hidden = {
        name: {key: Path(value).name if key in ("root", "manifest") else value
               for key, value in dataset.items()}
        for name, dataset in values["datasets"].items()
    }  # fmt: skip
    shown = {**values, "datasets": hidden}
    shown["extensions"] = [
        Path(name).name if name.endswith(".py") else name for name in values["extensions"]
    ]
    if "package" in values.get("segmentation", {}):
        package = Path(values["segmentation"]["package"]).name
        shown["segmentation"] = {**values["segmentation"], "package": package}
    return shown


def write_description(values: dict[str, Any], path: Path) -> Path:
    """Write a description as YAML."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return path
