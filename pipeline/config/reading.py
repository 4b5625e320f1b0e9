"""Read a study's YAML file and check all of it; every error is one line that names the key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.pipeline.config.schema import StudyConfig
from isnet_cxr.pipeline.config.settings import build_settings, merge


class _Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys; here that is an error."""


def _read_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for position, key in enumerate(keys):
        if key in keys[:position]:
            line = node.value[position][0].start_mark.line + 1
            raise ValueError(f"line {line}: key {key!r} stands twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _read_mapping)


def load_study(path: Path) -> StudyConfig:
    """Read the study at ``path``.

    Returns:
        The configuration, with absolute paths, everything it refers to checked.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not YAML or anything in it is wrong; names the file and the key.
    """
    values = read_yaml_file(path)
    try:
        return parse_study(values, folder=path.absolute().parent)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_yaml(text: str) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ValueError: If it is not YAML, not a mapping, or a key stands twice in one.
    """
    try:
        values = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}not YAML: {error.problem}") from None
    if not isinstance(values, dict):
        raise ValueError(f"expected a mapping of keys, got {type(values).__name__}")
    return values


def parse_study(values: Mapping[str, Any], *, folder: Path) -> StudyConfig:
    """Check a study's plain values.

    Args:
        values: What stands in the YAML file.
        folder: What relative paths are relative to.

    Raises:
        ValueError: If anything is wrong; names the key, what was expected and what came.
    """
    try:
        study = StudyConfig.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        raise ValueError(_describe(error)) from None
    _check_adapters(study)
    _check_stage_settings(study)
    return study


def _describe(error: ValidationError) -> str:
    first, *others = error.errors()
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] != "value_error" and first["type"] != "missing":
        message += f", got {first['input']!r}"
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}: {message}{more}" if place else message + more


def _check_adapters(study: StudyConfig) -> None:
    from isnet_cxr.data.datasets import ADAPTERS

    for name, dataset in study.datasets.items():
        if dataset.adapter is not None and dataset.adapter not in ADAPTERS:
            problem = name_unknown("adapter", [dataset.adapter], ADAPTERS)
            raise ValueError(f"datasets.{name}.adapter: {problem}")


def _check_stage_settings(study: StudyConfig) -> None:
    from isnet_cxr.classification.settings import ClassifierSettings
    from isnet_cxr.segmentation.settings import SegmentationSettings

    if study.segmentation:
        where = "segmentation.settings"
        build_settings(SegmentationSettings, study.segmentation.settings, where=where)
    build_settings(ClassifierSettings, study.defaults, where="defaults")
    for name, settings in study.classifiers.items():
        merged = merge(study.defaults, settings)
        build_settings(ClassifierSettings, merged, where=f"classifiers.{name}")


def read_yaml_file(path: Path) -> dict[str, Any]:
    """Read the YAML mapping in the file ``path``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As ``read_yaml``; names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
