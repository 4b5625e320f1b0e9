"""What can be added by registration: methods, networks, bias tests, outputs, figures of merit.

A registry maps names to entries, in the order of registration. Ours are registered where they are
written; a user's by an *extension*, a module of theirs that registers as it is imported:

>>> from classification.methods import METHODS
>>> METHODS.register("my_method", MyMethod())

A study names its extensions (``extensions: [my_hospital.methods]``) and every process of it imports
them. Nothing is imported because a model package or a data file names it.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.nearest import name_unknown

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries by name; a name that is not there is the user's mistake."""

    def __init__(self, what: str) -> None:
        """Start empty; ``what`` an entry is, as messages call it: "method"."""
        self._what = what
        self._entries: dict[str, Entry] = {}

    def register(self, name: str, entry: Entry) -> Entry:
        """Add ``entry`` and return it.

        Raises:
            ValueError: If the name is taken by another entry.
        """
        if self._entries.get(name, entry) is not entry:
            raise ValueError(f"{self._what} {name!r} is registered already")
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of this name.

        Raises:
            InputError: If there is none; names the nearest.
        """
        if name not in self._entries:
            raise InputError(name_unknown(self._what, [name], self._entries))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether an entry has this name."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """List the names in the order of registration."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)


def load_extensions(names: Sequence[str]) -> None:
    """Import the user's modules, which register what they add.

    Args:
        names: Dotted names of modules, or paths of Python files (``methods.py``); a file is
            imported under its own name without the suffix.

    Raises:
        InputError: If there is no such module or file, or importing it fails.
    """
    for name in names:
        module, place = name, None
        if name.endswith(".py"):
            file = Path(name)
            if not file.is_file():
                raise InputError(f"extension {name!r}: no such file")
            module, place = file.stem, str(file.absolute().parent)
        if module in sys.modules:
            continue
        if place is not None and place not in sys.path:
            sys.path.insert(0, place)
        try:
            importlib.import_module(module)
        except Exception as error:  # the user's own code: whatever it raises is theirs to mend
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise InputError(f"extension {name!r} cannot be imported: {said}") from None
