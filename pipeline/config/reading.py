"""Read a study's YAML file and check all of it; every error is one line that names the key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.registry import load_extensions
from isnet_cxr.pipeline.config.schema import StudyConfig
from isnet_cxr.pipeline.config.section import expand_variables


class _Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys; here that is an error."""


def _read_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for position, key in enumerate(keys):
        if key in keys[:position]:
            line = node.value[position][0].start_mark.line + 1
            raise InputError(f"line {line}: key {key!r} stands twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _read_mapping)


def load_study(path: Path) -> StudyConfig:
    """Read the study at ``path``.

    Returns:
        The configuration, with absolute paths, everything it refers to checked.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is not YAML or anything in it is wrong; names the file and the key.
    """
    values = read_yaml_file(path)
    try:
        return parse_study(values, folder=path.absolute().parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_yaml(text: str) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        InputError: If it is not YAML, not a mapping, or a key stands twice in one.
    """
    try:
        values = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{line}not YAML: {error.problem}") from None
    if not isinstance(values, dict):
        raise InputError(f"expected a mapping of keys, got {type(values).__name__}")
    return values


def parse_study(values: Mapping[str, Any], *, folder: Path) -> StudyConfig:
    """Check a study's plain values.

    Args:
        values: What stands in the YAML file.
        folder: What relative paths are relative to.

    Raises:
        InputError: If anything is wrong; names the key, what was expected and what came.
    """
    extensions = _load_extensions(values.get("extensions"), folder)
    values = {**values, "extensions": extensions} if extensions else values
    try:
        study = StudyConfig.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        raise InputError(_describe(error)) from None
    _check_adapters(study)
    return study


def _load_extensions(names: object, folder: Path) -> list[str]:
    """Import a study's extensions; return their names, those of files as absolute paths."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []  # none, or for the schema to refuse
    found = []
    for number, name in enumerate(names):
        try:
            place = str(expand_variables(name))
            found.append(str((folder / place).absolute()) if place.endswith(".py") else place)
            load_extensions(found[-1:])
        except InputError as error:
            raise InputError(f"extensions.{number}: {error}") from None
    return found


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
            raise InputError(f"datasets.{name}.adapter: {problem}")


def read_yaml_file(path: Path) -> dict[str, Any]:
    """Read the YAML mapping in the file ``path``.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: As ``read_yaml``; names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
