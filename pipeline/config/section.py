"""What every section of a study file has: known keys, safe names, paths that exist."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.nearest import name_unknown

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")


def expand_variables(text: object) -> object:
    """Replace every ``${NAME}`` in ``text`` by the environment's value.

    Raises:
        InputError: If a variable is not set.
    """
    if not isinstance(text, str):
        return text
    for name in _VARIABLE.findall(text):
        if not os.environ.get(name):
            raise InputError(f"environment variable {name} is not set")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _absolute(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("folder", Path())
    resolved = Path(os.path.abspath(base / path.expanduser()))
    if not resolved.exists():
        raise InputError(f"{resolved} does not exist")
    return resolved


def _safe_name(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise InputError(f"expected letters, digits, space and . _ + - only, got {name!r}")
    return name


ExistingPath = Annotated[Path, BeforeValidator(expand_variables), AfterValidator(_absolute)]
Name = Annotated[str, AfterValidator(_safe_name)]


class Section(BaseModel):
    """A mapping of the YAML file whose keys are all known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[dict[str, str]] = {}
    """New names of keys by their old ones, which are refused."""

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: object) -> object:
        if isinstance(values, dict):
            for key in values:
                if key in cls.renamed:
                    raise InputError(f"key {key!r} is called {cls.renamed[key]!r} now")
                if key not in cls.model_fields:
                    raise InputError(name_unknown("key", [key], cls.model_fields))
        return values


def check_known(place: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Check that every name is known.

    Raises:
        InputError: If one is not; names the place and the nearest known name.
    """
    choices = list(known)
    for name in names:
        if name not in choices:
            raise InputError(f"{place}: {name_unknown(what, [name], choices)}")
