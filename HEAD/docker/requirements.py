"""Print what pyproject.toml requires, with the extras asked for; extras that it lacks are told.

Usage: requirements.py PYPROJECT [EXTRA...]
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: str, extras: list[str]) -> list[str]:
    """Return the requirements of a project and of those ``extras`` that it has."""
    project = tomllib.loads(pyproject)["project"]
    optional = project.get("optional-dependencies", {})
    for name in extras:
        if name not in optional:
            print(f"no extra {name!r}: left out", file=sys.stderr)
    return [*project["dependencies"], *(one for name in extras for one in optional.get(name, []))]


if __name__ == "__main__":
    print(*requirements(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2:]), sep="\n")
