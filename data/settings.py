"""Settings from plain YAML values: a mapping becomes a frozen dataclass, and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.nearest import name_unknown

Settings = TypeVar("Settings")


def build_settings(kind: type[Settings], values: Mapping[str, Any], *, where: str) -> Settings:
    """Make the dataclass ``kind`` from ``values``; what is not given keeps its default.

    Args:
        kind: A dataclass, whose fields may be dataclasses themselves.
        values: Plain YAML values, nested as the dataclass is.
        where: The place of ``values`` in the configuration, for messages.

    Returns:
        The settings, types checked and converted (a list becomes a tuple where one is declared).

    Raises:
        InputError: If a key is unknown, missing, or its value of the wrong type or range.
    """
    _check_keys(kind, values, where)
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        message = first["msg"].removeprefix("Value error, ")
        if isinstance(first.get("ctx", {}).get("error"), InputError):
            raise InputError(f"{place}.{message}") from None  # begins with the key
        raise InputError(f"{place}: {message}") from None


def plain_settings(settings: Any) -> dict[str, Any]:
    """Turn a dataclass of settings back into plain values, as they stand in YAML."""
    plain = TypeAdapter(dict[str, Any]).dump_python(asdict(settings), mode="json")
    return dict(plain)


def _check_keys(kind: type, values: object, where: str) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{where}: expected a mapping of settings, got {values!r}")
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.init]
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{where}.{key}: {name_unknown('key', [key], known)}")
        nested = _dataclass_in(hints[key])
        if nested is not None and value is not None:
            _check_keys(nested, value, f"{where}.{key}")


def _dataclass_in(hint: Any) -> type | None:
    """Find the dataclass a field holds, looking through ``X | None``."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((o for o in options if isinstance(o, type) and is_dataclass(o)), None)
