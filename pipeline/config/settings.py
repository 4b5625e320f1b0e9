"""Settings as the command line gives them, and settings laid over one another."""

from collections.abc import Mapping
from typing import Any

from isnet_cxr.data.errors import InputError


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs of the command line, with dots for nested keys.

    Raises:
        InputError: If an assignment has no ``=`` or its key stands for a value already.
    """
    import yaml

    values: dict[str, Any] = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key:
            raise InputError(f"--set expects KEY=VALUE, got {assignment!r}")
        *sections, name = key.split(".")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise InputError(f"--set {key}: {part!r} has a value already")
        section[name] = yaml.safe_load(text)
    return values


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay mappings over one another, the last on top; nested mappings are merged, not replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = merge(below, value)
            else:
                merged[key] = value
    return merged
